//! One of two: the values of both sides of a choice become one, and so do their returns.

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::check::Checker;
use crate::flow::Rest;
use crate::given::Given;
use crate::ir::{Block, Operand, Statement, Type};
use crate::literal::Checked;

/// A `return` that may have been taken.
#[derive(Clone, Copy)]
pub struct Exit {
    taken: Operand,
    pub value: Operand,
}

/// How an expression ends.
pub struct Flow {
    /// Nothing where every way returns.
    pub value: Option<Given>,
    pub exit: Option<Exit>,
}

/// One side of a choice.
pub struct Side {
    pub flow: Option<Flow>,
    pub steps: Vec<Statement>,
    pub place: TokenStream,
}

impl Flow {
    pub fn value(value: Option<Given>) -> Option<Flow> {
        Some(Flow { value: Some(value?), exit: None })
    }

    pub fn exit(value: Operand) -> Flow {
        Flow { value: None, exit: Some(Exit { taken: Operand::Bool(true), value }) }
    }
}

impl<'a> Checker<'a> {
    /// One flow from two, of which one runs. `whose` names the choice in messages.
    pub fn join(
        &mut self,
        condition: Option<Operand>,
        sides: [Side; 2],
        whose: &str,
    ) -> Option<Flow> {
        let [first, second] = sides;
        let (a, b) = (first.flow?, second.flow?);
        let condition = condition?;
        let places: [&dyn ToTokens; 2] = [&first.place, &second.place];
        let mut columns: Vec<(Operand, Operand)> = Vec::new();
        if a.exit.is_some() || b.exit.is_some() {
            let taken = |exit: Option<Exit>| exit.map_or(Operand::Bool(false), |exit| exit.taken);
            let unused = zero(self.result);
            let result = |exit: Option<Exit>| exit.map_or(unused, |exit| exit.value);
            columns.push((taken(a.exit), taken(b.exit)));
            columns.push((result(a.exit), result(b.exit)));
        }
        let exits = columns.len();
        let mut types = Vec::new();
        let shape = match (a.value, b.value) {
            (Some(a), Some(b)) => {
                if !a.has_shape_of(&b) {
                    let (a, b) = (a.describe(), b.describe());
                    let message = format!(
                        "{whose} is {a} in one place and {b} here: all give the same, as in \
                         `if a {{ (b, c) }} else {{ (d, e) }}`"
                    );
                    self.errors.at(&second.place, message);
                    return None;
                }
                for (x, y) in a.leaves().into_iter().zip(b.leaves()) {
                    let (x, y, ty) = self.agree(x, y, places, whose)?;
                    columns.push((x, y));
                    types.push(ty);
                }
                Some(a)
            }
            (Some(only), None) => {
                for leaf in only.leaves() {
                    let (operand, ty) = self.typed(leaf, &first.place)?;
                    columns.push((operand, zero(ty)));
                    types.push(ty);
                }
                Some(only)
            }
            (None, Some(only)) => {
                for leaf in only.leaves() {
                    let (operand, ty) = self.typed(leaf, &second.place)?;
                    columns.push((zero(ty), operand));
                    types.push(ty);
                }
                Some(only)
            }
            (None, None) => None,
        };
        let (a, b): (Vec<Operand>, Vec<Operand>) = columns.into_iter().unzip();
        let (a, b) = (Block::new(first.steps, a), Block::new(second.steps, b));
        let results = self.builder.branch(condition, a, b);
        let exit = match &results[..exits] {
            [taken, value] => Some(Exit { taken: *taken, value: *value }),
            _ => None,
        };
        let mut leaves = results[exits..].iter().zip(types).map(|(&x, ty)| Checked::Typed(x, ty));
        Some(Flow { value: shape.map(|shape| shape.with_leaves(&mut leaves)), exit })
    }

    /// Reads `rest` unless a joined flow has returned.
    pub fn go_on(&mut self, joined: Option<Flow>, rest: &mut Rest<'_, 'a>) -> Option<Flow> {
        let Some(Flow { value, exit }) = joined else {
            rest(self, None);
            return None;
        };
        let Some(exit) = exit else { return rest(self, Some(value?)) };
        self.builder.open();
        let flow = rest(self, value);
        let steps = self.builder.close();
        let left = Side {
            flow: Some(Flow::exit(exit.value)),
            steps: Vec::new(),
            place: TokenStream::new(),
        };
        let right = Side { flow, steps, place: TokenStream::new() };
        self.join(Some(exit.taken), [left, right], "the result")
    }
}

/// What stands for a value that nobody reads.
fn zero(ty: Type) -> Operand {
    match ty {
        Type::F32 => Operand::F32(0.0),
        Type::U32 => Operand::U32(0),
        Type::I32 => Operand::I32(0),
        Type::Bool => Operand::Bool(false),
    }
}
