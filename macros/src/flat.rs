//! The flat form of a function: its blocks are joined and `if` becomes a choice between values. Nothing
//! in the language has an effect or traps, so that computes the same.

use std::collections::HashMap;

use crate::along::{Along, along, of_operand};
use crate::builder::Builder;
use crate::ir::{Binary, Block, Function, Op, Operand, Read, Statement, Type, Unary, Value};

/// A function's steps without blocks.
pub struct Flat {
    statements: Vec<Statement>,
    types: Vec<Type>,
    names: Vec<Option<String>>,
    /// Every read and whether it happens, as far as position and parameters say.
    pub reads: Vec<(Operand, Read)>,
}

impl Flat {
    pub fn of(function: &Function) -> Flat {
        let along = along(function);
        let mut builder = Builder::following(function);
        let mut reads = Vec::new();
        join(&function.body, Operand::Bool(true), &along, &mut builder, &mut reads);
        let (statements, types, names) = builder.into_parts();
        Flat { statements, types, names, reads }
    }

    /// What computes these values.
    pub fn function(&self, function: &Function, results: Vec<Operand>) -> Function {
        Function {
            types: self.types.clone(),
            names: self.names.clone(),
            callees: function.callees.clone(),
            inputs: function.inputs.clone(),
            body: Block::new(self.statements.clone(), results),
        }
    }
}

fn join(
    block: &Block,
    guard: Operand,
    along: &HashMap<Value, Along>,
    builder: &mut Builder,
    reads: &mut Vec<(Operand, Read)>,
) {
    for statement in &block.statements {
        match statement {
            Statement::Let { op, .. } => {
                builder.copy(std::slice::from_ref(statement));
                if let Op::Read(read) = op {
                    reads.push((guard, *read));
                }
            }
            Statement::If { values, condition, then, otherwise } => {
                let (yes, no) = if of_operand(along, *condition).score {
                    (guard, guard)
                } else {
                    let opposite = builder.unary(Unary::Not, *condition);
                    (
                        builder.binary(Binary::And, guard, *condition),
                        builder.binary(Binary::And, guard, opposite),
                    )
                };
                join(then, yes, along, builder, reads);
                join(otherwise, no, along, builder, reads);
                for (column, &value) in values.iter().enumerate() {
                    let (a, b) = (then.results[column], otherwise.results[column]);
                    let op = Op::Select(*condition, a, b);
                    builder.copy(&[Statement::Let { value, op }]);
                }
            }
        }
    }
}
