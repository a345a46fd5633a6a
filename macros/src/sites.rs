//! Where a function reads its tables.
//!
//! A *site* is a learned parameter and an index of it. Reads with equal indices share one, even in
//! different blocks, and the derivative with respect to a site is that of all its reads together.
//!
//! The index of a site, and everything else that must be known before a launch, comes from the flat
//! form of a function.

use std::collections::HashMap;

use crate::along::{Along, along, of_operand};
use crate::flat::Flat;
use crate::ir::{
    Argument, Block, Call, Function, Input, Op, Operand, Read, Statement, Type, Value,
};
use crate::signature::Parameter;

/// A learned parameter and an index of it.
pub struct Site {
    /// The parameter, by its place.
    pub parameter: usize,
    /// What is known of each index.
    pub dimensions: Vec<Dimension>,
    /// The indices, as results of a function of the position and the parameters.
    pub index: Function,
}

/// One index of a site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimension {
    /// What it changes with.
    pub along: Along,
    /// The field of the position that it is, if it is one as it stands.
    pub exactly: Option<&'static str>,
}

/// Where a function reads its tables.
pub struct Sites {
    pub learned: Vec<Site>,
    /// All reads: those of the function, then those of a derivative written by hand.
    pub reads: Vec<Reads>,
}

impl Sites {
    /// With how many indices a parameter is read, and whether its values decide where another is.
    pub fn rank_and_deciding(&self, parameter: usize) -> (usize, bool) {
        let mut places = self.reads.iter().flat_map(|reads| &reads.places);
        let place = places.find(|place| place.parameter == parameter);
        let deciding = self.reads.iter().any(|reads| reads.deciding.contains(&parameter));
        (place.map_or(0, |place| place.rank), deciding)
    }
}

/// All reads of one function.
pub struct Reads {
    /// Their guards and indices, as results of one function; see [`Place`].
    pub function: Function,
    pub places: Vec<Place>,
    /// The parameters whose values those results depend on.
    pub deciding: Vec<usize>,
}

/// A read among the results of [`Reads::function`]: whether it happens, then its indices.
pub struct Place {
    pub parameter: usize,
    pub rank: usize,
    /// Place of the first of its results.
    pub first: usize,
}

/// Finds the sites and marks their reads in the function. A derivative written by hand has none: a
/// learned parameter's derivative is always derived.
pub fn find(
    function: &mut Function,
    by_hand: Option<&Function>,
    parameters: &[Parameter],
) -> Sites {
    let mut known = Known::default();
    let mut sites: Vec<Read> = Vec::new();
    mark(&mut function.body, &mut known, &mut |read, known| {
        if !parameters[read.parameter].learned {
            return None;
        }
        let index = read.index.map(|operand| known.of(operand));
        let same = |site: &Read| site.parameter == read.parameter && site.index == index;
        let number = sites.iter().position(same).unwrap_or_else(|| {
            sites.push(Read { index, ..*read });
            sites.len() - 1
        });
        Some(input(&mut function.inputs, &mut function.types, &mut function.names, number))
    });

    let flat = Flat::of(function);
    let along = along(function);
    let learned = sites.iter().map(|site| Site {
        parameter: site.parameter,
        dimensions: site
            .indices()
            .iter()
            .map(|&index| dimension(function, &along, index))
            .collect(),
        index: flat.function(function, site.indices().to_vec()),
    });
    let learned = learned.collect();
    let reads = std::iter::once(&*function).chain(by_hand).map(Reads::of).collect();
    Sites { learned, reads }
}

impl Reads {
    fn of(function: &Function) -> Reads {
        let flat = Flat::of(function);
        let (mut results, mut places) = (Vec::new(), Vec::new());
        for (guard, read) in flat.reads.iter().filter(|(_, read)| read.rank > 0) {
            let (parameter, rank) = (read.parameter, read.rank);
            places.push(Place { parameter, rank, first: results.len() });
            results.push(*guard);
            results.extend(read.indices());
        }
        let function = flat.function(function, results);
        let deciding = tables_read(&function);
        Reads { function, places, deciding }
    }
}

fn dimension(function: &Function, along: &HashMap<Value, Along>, index: Operand) -> Dimension {
    let field = |&(input, value): &(Input, Value)| match input {
        Input::Field(name) if Operand::Value(value) == index => Some(name),
        _ => None,
    };
    Dimension { along: of_operand(along, index), exactly: function.inputs.iter().find_map(field) }
}

/// The parameters, by their places, that a function reads from memory.
pub fn tables_read(function: &Function) -> Vec<usize> {
    ranks(function).into_iter().map(|(parameter, _)| parameter).collect()
}

/// The parameters that a function reads from memory, and with how many indices.
pub fn ranks(function: &Function) -> Vec<(usize, usize)> {
    Flat::of(function).reads.iter().map(|(_, read)| (read.parameter, read.rank)).collect()
}

/// The input that stands for what a site reads.
fn input(
    inputs: &mut Vec<(Input, Value)>,
    types: &mut Vec<Type>,
    names: &mut Vec<Option<String>>,
    number: usize,
) -> Value {
    let site = Input::Site(number);
    if let Some((_, value)) = inputs.iter().find(|(known, _)| *known == site) {
        return *value;
    }
    types.push(Type::F32);
    names.push(None);
    let value = Value(types.len() - 1);
    inputs.push((site, value));
    value
}

fn mark(
    block: &mut Block,
    known: &mut Known,
    site_of: &mut dyn FnMut(&Read, &Known) -> Option<Value>,
) {
    for statement in &mut block.statements {
        match statement {
            Statement::Let { value, op } => {
                known.add(*value, op);
                if let Op::Read(read) = op {
                    read.site = site_of(read, known);
                }
            }
            Statement::If { then, otherwise, .. } => {
                mark(then, known, site_of);
                mark(otherwise, known, site_of);
            }
        }
    }
}

/// Values that are made alike have one name.
#[derive(Default)]
struct Known {
    names: HashMap<Value, Value>,
    made: Vec<(Op, Value)>,
}

impl Known {
    fn of(&self, operand: Operand) -> Operand {
        match operand {
            Operand::Value(value) => Operand::Value(*self.names.get(&value).unwrap_or(&value)),
            constant => constant,
        }
    }

    fn add(&mut self, value: Value, op: &Op) {
        let op = match *op {
            Op::Call(ref call) => {
                let same = |argument: &Argument| match *argument {
                    Argument::Value(operand) => Argument::Value(self.of(operand)),
                    Argument::Position => Argument::Position,
                };
                Op::Call(Call {
                    arguments: call.arguments.iter().map(same).collect(),
                    ..call.clone()
                })
            }
            Op::Unary(op, a) => Op::Unary(op, self.of(a)),
            Op::Binary(op, a, b) => Op::Binary(op, self.of(a), self.of(b)),
            Op::Select(c, a, b) => Op::Select(self.of(c), self.of(a), self.of(b)),
            Op::Cast(to, a) => Op::Cast(to, self.of(a)),
            Op::Read(read) => Op::Read(Read { index: read.index.map(|a| self.of(a)), ..read }),
        };
        match self.made.iter().find(|(known, _)| *known == op) {
            Some((_, first)) => {
                self.names.insert(value, *first);
            }
            None => self.made.push((op, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;
    use crate::check::check;
    use crate::differentiate::differentiate;
    use crate::emit::host_text;
    use crate::errors::Errors;
    use crate::ir::Binary;
    use crate::kind::Kind;
    use crate::signature::Signature;

    fn found(source: &ItemFn) -> (Signature, Function, Sites) {
        let mut errors = Errors::default();
        let signature = Signature::parse(Kind::Score, Default::default(), source, &mut errors);
        let mut function = check(&signature, &source.block, &mut errors).expect("no errors");
        let sites = find(&mut function, None, &signature.parameters);
        (signature, function, sites)
    }

    #[test]
    fn equal_indices_in_different_blocks_are_one_site() {
        let (_, _, sites) = found(&parse_quote! {
            fn f(score: f32, at: Position, #[learned] bias: Table, plain: Table) -> f32 {
                let far = bias[at.key + 1];
                if at.query > 3 {
                    let next = at.key + 1;
                    bias[next] * score
                } else {
                    bias[at.key + 2] + plain[at.key] + far
                }
            }
        });
        assert_eq!(sites.learned.len(), 2);
        assert_eq!(sites.reads[0].places.len(), 4);
    }

    #[test]
    fn the_derivative_of_a_site_is_that_of_all_its_reads() {
        let (_, function, sites) = found(&parse_quote! {
            fn f(score: f32, at: Position, #[learned] bias: Table, #[learned] t: f32) -> f32 {
                bias[at.head] * score + bias[at.head] * 3.0 + t
            }
        });
        let gradient = |site| differentiate(&function, &[Input::Site(site)]).body;
        let number = sites.learned.iter().position(|site| site.parameter == 1).expect("t is read");
        assert_eq!(gradient(number).results, [Operand::F32(1.0)]);
        let table = gradient(1 - number);
        let score = function.inputs.iter().find(|(input, _)| *input == Input::Subject);
        let score = Operand::Value(score.expect("the score is an input").1);
        let sum = Op::Binary(Binary::Add, Operand::F32(3.0), score);
        assert!(matches!(&table.statements[..], [Statement::Let { op, .. }] if *op == sum));
    }

    #[test]
    fn an_index_that_is_a_coordinate_is_known_as_one() {
        let (_, _, sites) = found(&parse_quote! {
            fn f(score: f32, at: Position, #[learned] bias: Table) -> f32 {
                let own = at.head / 2;
                let same = at.key;
                score + bias[(at.batch, own, same, at.keys)]
            }
        });
        let exactly: Vec<_> = sites.learned[0].dimensions.iter().map(|one| one.exactly).collect();
        assert_eq!(exactly, [Some("batch"), None, Some("key"), Some("keys")]);
        let head = Along { head: true, ..Along::default() };
        assert_eq!(sites.learned[0].dimensions[1].along, head);
        assert_eq!(sites.learned[0].dimensions[3].along, Along::default());
    }

    #[test]
    fn a_callee_that_is_given_the_position_may_look_at_all_of_it() {
        let (_, _, sites) = found(&parse_quote! {
            fn f(score: f32, at: Position, #[learned] bias: Table) -> f32 {
                let far: u32 = distance(at);
                let next: u32 = after(at.key);
                score + bias[(far, next)] + bias[(distance(at), after(at.key))]
            }
        });
        let all = Along { score: false, batch: true, head: true, query: true, key: true };
        let key = Along { key: true, ..Along::default() };
        assert_eq!(sites.learned.len(), 1);
        let along: Vec<Along> =
            sites.learned[0].dimensions.iter().map(|dimension| dimension.along).collect();
        assert_eq!(along, [all, key]);
        assert_eq!(sites.learned[0].index.callees.len(), 2);
    }

    #[test]
    fn what_is_read_is_known_without_the_score() {
        let (signature, _, sites) = found(&parse_quote! {
            fn f(score: f32, at: Position, bias: Table, kinds: Table<u32>) -> f32 {
                if score > 0.0 {
                    if at.key > 2 { bias[kinds[at.key]] } else { 0.0 }
                } else {
                    score
                }
            }
        });
        assert_eq!(sites.reads[0].deciding, [1]);
        let text = host_text(&signature.parameters, &sites.reads[0].function).to_string();
        assert!(!text.contains("score") && text.contains("self . kinds"), "{text}");
        assert!(!text.contains("self . bias"), "{text}");
        // Both are read where the key is more than 2, whatever the score.
        let guard = sites.reads[0].function.body.results[sites.reads[0].places[0].first];
        assert!(
            sites.reads[0]
                .places
                .iter()
                .all(|place| sites.reads[0].function.body.results[place.first] == guard)
        );
        assert!(matches!(guard, Operand::Value(_)));
    }
}
