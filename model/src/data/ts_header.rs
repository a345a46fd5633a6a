//! The header of a `.ts` file: what it says of its cases, and whether the cases agree.

/// What stands behind the last dimension of a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Kind {
    /// The name of one of these classes.
    Classes(Vec<String>),
    /// A number.
    Numbers,
    /// Nothing.
    #[default]
    Unlabelled,
}

/// The entries that matter here. Others, and whether values are said to be missing, are left to the
/// cases, which are all looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub name: Option<String>,
    pub kind: Kind,
    univariate: bool,
    dimensions: Option<usize>,
    length: Option<usize>,
}

impl Header {
    /// Takes an entry, without its `@`.
    pub fn entry(&mut self, entry: &str) -> Result<(), String> {
        let mut words = entry.split_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_lowercase();
        let rest: Vec<&str> = words.collect();
        match keyword.as_str() {
            "problemname" if !rest.is_empty() => self.name = Some(rest.join(" ")),
            "timestamps" if truth("@timestamps", &rest)? => {
                return Err(
                    "@timestamps true: cases with time stamps are not read; write the values \
                            alone, at equal steps"
                        .into(),
                );
            }
            "equallength" if !truth("@equalLength", &rest)? => {
                return Err("@equalLength false: cut or pad the cases to one length, and say \
                            @equalLength true"
                    .into());
            }
            "univariate" => self.univariate = truth("@univariate", &rest)?,
            "dimensions" | "dimension" => self.dimensions = Some(count("@dimensions", &rest)?),
            "serieslength" => self.length = Some(count("@seriesLength", &rest)?),
            "classlabel" => self.class_label(&rest)?,
            "targetlabel" if truth("@targetlabel", &rest)? => self.set_kind(Kind::Numbers)?,
            _ => {}
        }
        Ok(())
    }

    fn class_label(&mut self, rest: &[&str]) -> Result<(), String> {
        if !truth("@classLabel", rest)? {
            return Ok(());
        }
        let names: Vec<String> = rest[1..].iter().map(|name| (*name).to_string()).collect();
        if names.len() < 2 {
            return Err(format!(
                "@classLabel names {} classes; name at least two, as in @classLabel true a b",
                names.len()
            ));
        }
        if let Some(place) = (1..names.len()).find(|place| names[..*place].contains(&names[*place]))
        {
            return Err(format!("@classLabel names the class {} twice", names[place]));
        }
        self.set_kind(Kind::Classes(names))
    }

    fn set_kind(&mut self, kind: Kind) -> Result<(), String> {
        if self.kind != Kind::Unlabelled {
            return Err(
                "@classLabel and @targetlabel: a case has one label; keep one of them, once".into(),
            );
        }
        self.kind = kind;
        Ok(())
    }

    /// Refuses what cannot be true of any case.
    pub fn check(&self) -> Result<(), String> {
        match self.dimensions {
            Some(dimensions) if self.univariate && dimensions != 1 => {
                Err(format!("@univariate true, but @dimensions {dimensions}; correct one of them"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a first case that is not as it says.
    pub fn check_shape(&self, dimensions: usize, length: usize) -> Result<(), String> {
        let label = match self.kind {
            Kind::Unlabelled => "",
            _ => ", not counting the label behind the last colon",
        };
        let said = if self.univariate { Some(1) } else { self.dimensions };
        match said {
            _ if dimensions == 0 => {
                return Err(format!("the case has no dimension{label}"));
            }
            Some(said) if said != dimensions => {
                return Err(format!(
                    "{dimensions} dimensions{label}, where the header says {said}; correct @dimensions \
                     or @univariate, or the case"
                ));
            }
            _ => {}
        }
        match self.length {
            Some(said) if said != length => Err(format!(
                "{length} values in dimension 1, where @seriesLength says {said}; correct one of them"
            )),
            _ => Ok(()),
        }
    }
}

/// The `true` or `false` with which an entry begins.
fn truth(keyword: &str, rest: &[&str]) -> Result<bool, String> {
    match rest.first() {
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(word) => Err(format!("{keyword} {word}: expected true or false")),
        None => Err(format!("{keyword}: expected true or false behind it")),
    }
}

fn count(keyword: &str, rest: &[&str]) -> Result<usize, String> {
    let word = rest.first().copied().unwrap_or_default();
    match word.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(format!("{keyword} {word}: expected a whole number, at least 1")),
    }
}
