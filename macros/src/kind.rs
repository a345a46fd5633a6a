//! The attributes, and what a function under each of them is.

/// Which attribute stands on the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Score,
    Mask,
    /// It multiplies normalised weights.
    Weight,
    /// It gives each row a logit for attending to nothing.
    Sink,
    /// It changes the elements of queries, of keys, of both, or of the output.
    Query,
    Key,
    QueryKey,
    Output,
    /// A function that others call.
    Helper,
}

impl Kind {
    pub fn attribute(self) -> &'static str {
        match self {
            Kind::Score => "score_mod",
            Kind::Mask => "mask_mod",
            Kind::Weight => "weight_mod",
            Kind::Sink => "sink_mod",
            Kind::Query => "query_mod",
            Kind::Key => "key_mod",
            Kind::QueryKey => "query_key_mod",
            Kind::Output => "output_mod",
            Kind::Helper => "score_fn",
        }
    }

    /// What the function changes, if it changes something: its first argument.
    pub fn subject(self) -> Option<&'static str> {
        match self {
            Kind::Score => Some("score"),
            Kind::Weight => Some("weight"),
            Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => Some("element"),
            Kind::Mask | Kind::Sink | Kind::Helper => None,
        }
    }

    /// Whether it changes elements of rows.
    pub fn is_of_rows(self) -> bool {
        matches!(self, Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output)
    }

    /// The type that says where something stands.
    pub fn position_type(self) -> &'static str {
        if self.is_of_rows() { "Element" } else { "Position" }
    }

    /// Its fields, and what they are called where functions of all kinds are one.
    pub fn fields(self) -> [(&'static str, &'static str); 6] {
        if self.is_of_rows() {
            [
                ("batch", "batch"),
                ("head", "head"),
                ("token", "query"),
                ("dim", "key"),
                ("tokens", "queries"),
                ("dims", "keys"),
            ]
        } else {
            ["batch", "head", "query", "key", "queries", "keys"].map(|name| (name, name))
        }
    }

    /// The signature to write instead of a wrong one.
    pub fn form(self) -> &'static str {
        match self {
            Kind::Score => "fn name(score: f32, at: Position, parameters...) -> f32",
            Kind::Mask => "fn name(at: Position, parameters...) -> bool",
            Kind::Weight => "fn name(weight: f32, at: Position, parameters...) -> f32",
            Kind::Sink => "fn name(at: Position, parameters...) -> f32",
            Kind::Query | Kind::Key | Kind::QueryKey | Kind::Output => {
                "fn name(x: f32, at: Element, parameters...) -> f32"
            }
            Kind::Helper => "fn name(a: f32, b: u32) -> f32",
        }
    }
}

/// How scores become weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normaliser {
    #[default]
    Softmax,
    Sigmoid,
}

/// Which element of a row is whose partner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// One of the first half, and the one in its place in the second.
    Halves,
    /// Two neighbours.
    Neighbours,
}
