//! What values change with: the score, and which parts of the position.

use std::collections::HashMap;

use crate::ir::{Argument, Block, Call, Function, Input, Op, Operand, Statement, Value};

/// What a value changes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Along {
    pub score: bool,
    pub batch: bool,
    pub head: bool,
    pub query: bool,
    pub key: bool,
}

impl Along {
    fn and(self, other: Along) -> Along {
        Along {
            score: self.score || other.score,
            batch: self.batch || other.batch,
            head: self.head || other.head,
            query: self.query || other.query,
            key: self.key || other.key,
        }
    }

    fn of_input(input: Input) -> Along {
        let none = Along::default();
        match input {
            Input::Subject => Along { score: true, ..none },
            Input::Field("batch") => Along { batch: true, ..none },
            Input::Field("head") => Along { head: true, ..none },
            Input::Field("query") => Along { query: true, ..none },
            Input::Field("key") => Along { key: true, ..none },
            // The rest of a row is as good as the element.
            Input::Feature(_) => Along { score: true, ..none },
            Input::Field(_) | Input::Parameter(_) | Input::Site(_) => none,
        }
    }

    /// What an operation sees besides its operands: nobody knows what a callee does with a position.
    fn of_operation(op: &Op) -> Along {
        let position = matches!(op, Op::Call(Call { arguments, .. })
            if arguments.contains(&Argument::Position));
        Along { score: false, batch: position, head: position, query: position, key: position }
    }
}

/// What every value changes with.
pub fn along(function: &Function) -> HashMap<Value, Along> {
    let mut along: HashMap<Value, Along> =
        function.inputs.iter().map(|&(input, value)| (value, Along::of_input(input))).collect();
    collect(&function.body, &mut along);
    along
}

fn collect(block: &Block, along: &mut HashMap<Value, Along>) {
    for statement in &block.statements {
        match statement {
            Statement::Let { value, op } => {
                let operands = op.operands();
                let all = operands.iter().map(|&operand| of_operand(along, operand));
                let all = all.fold(Along::of_operation(op), Along::and);
                along.insert(*value, all);
            }
            Statement::If { values, condition, then, otherwise } => {
                collect(then, along);
                collect(otherwise, along);
                let chosen = of_operand(along, *condition);
                for (column, &value) in values.iter().enumerate() {
                    let results = [then.results[column], otherwise.results[column]];
                    let all = results.map(|result| of_operand(along, result));
                    along.insert(value, all.into_iter().fold(chosen, Along::and));
                }
            }
        }
    }
}

/// What an operand changes with.
pub fn of_operand(along: &HashMap<Value, Along>, operand: Operand) -> Along {
    match operand {
        Operand::Value(value) => along.get(&value).copied().unwrap_or_default(),
        _ => Along::default(),
    }
}

/// Whether a value, made by a function, changes with the score.
pub fn changes_with_score(function: &Function) -> impl Fn(Value) -> bool {
    let along = along(function);
    move |value| of_operand(&along, Operand::Value(value)).score
}
