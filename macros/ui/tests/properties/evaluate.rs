//! Runs the steps of a function in `f64`.

use std::collections::HashMap;

use crate::helpers::Helpers;
use crate::ir::{
    Argument, Binary, Block, Function, Input, Op, Operand, Part, Statement, Type, Unary, Value,
};
use crate::kind::Kind;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    F32(f64),
    U32(u32),
    I32(i32),
    Bool(bool),
}

use Number::{Bool, F32, I32, U32};

/// What a function is given.
#[derive(Clone, Debug)]
pub struct Inputs {
    pub score: f64,
    /// In the order of `check::FIELDS`.
    pub position: [u32; 6],
    pub parameters: Vec<Number>,
}

/// What came out, and how.
#[derive(Debug, Default)]
pub struct Outcome {
    pub results: Vec<f64>,
    /// Every decision that an `f32` took part in: while these stay the same, the function is
    /// smooth.
    pub decisions: Vec<i64>,
    /// The largest magnitude of an `f32` on the way.
    pub largest: f64,
}

pub fn evaluate(function: &Function, inputs: &Inputs, helpers: &Helpers) -> Outcome {
    let mut run = Run { helpers, position: inputs.position, outcome: Outcome::default() };
    let given: HashMap<Value, Number> = function
        .inputs
        .iter()
        .map(|&(input, value)| {
            let number = match input {
                Input::Subject => F32(inputs.score),
                Input::Field(field) => {
                    let fields = Kind::Score.fields();
                    let place = fields.iter().position(|(_, known)| *known == field);
                    U32(inputs.position[place.expect("a field")])
                }
                Input::Parameter(place) => inputs.parameters[place],
                Input::Feature(_) | Input::Site(_) => {
                    unreachable!("the functions made here change scores and have no tables")
                }
            };
            (value, number)
        })
        .collect();
    let results = run.function(function, given);
    let plain = |number| match number {
        F32(x) => x,
        U32(n) => f64::from(n),
        I32(n) => f64::from(n),
        Bool(truth) => f64::from(u8::from(truth)),
    };
    let results: Vec<f64> = results.into_iter().map(plain).collect();
    let largest = results.iter().fold(run.outcome.largest, |largest, x| largest.max(x.abs()));
    Outcome { results, largest, ..run.outcome }
}

struct Run<'h> {
    helpers: &'h Helpers,
    position: [u32; 6],
    outcome: Outcome,
}

impl Run<'_> {
    fn function(&mut self, function: &Function, mut known: HashMap<Value, Number>) -> Vec<Number> {
        self.block(function, &function.body, &mut known)
    }

    fn block(
        &mut self,
        function: &Function,
        block: &Block,
        known: &mut HashMap<Value, Number>,
    ) -> Vec<Number> {
        for statement in &block.statements {
            match statement {
                Statement::Let { value, op } => {
                    let number = self.operation(function, op, known);
                    self.measure(number);
                    for operand in op.operands() {
                        self.measure(read(operand, known));
                    }
                    known.insert(*value, number);
                }
                Statement::If { values, condition, then, otherwise } => {
                    let chosen = match read(*condition, known) {
                        Bool(true) => then,
                        _ => otherwise,
                    };
                    let results = self.block(function, chosen, known);
                    known.extend(values.iter().copied().zip(results));
                }
            }
        }
        block.results.iter().map(|&result| read(result, known)).collect()
    }

    fn operation(
        &mut self,
        function: &Function,
        op: &Op,
        known: &HashMap<Value, Number>,
    ) -> Number {
        match op {
            Op::Unary(op, a) => self.unary(*op, read(*a, known)),
            Op::Binary(op, a, b) => self.binary(*op, read(*a, known), read(*b, known)),
            Op::Select(condition, a, b) => match read(*condition, known) {
                Bool(true) => read(*a, known),
                _ => read(*b, known),
            },
            Op::Cast(to, a) => self.cast(*to, read(*a, known)),
            Op::Read(_) => unreachable!("the functions made here have no tables"),
            Op::Call(call) => {
                let callee = self.helpers.get(&function.callees[call.callee].path, call.part);
                let values: Vec<Number> = call
                    .arguments
                    .iter()
                    .filter_map(|argument| match argument {
                        Argument::Value(operand) => Some(read(*operand, known)),
                        Argument::Position => None,
                    })
                    .collect();
                let given = callee
                    .inputs
                    .iter()
                    .map(|&(input, value)| {
                        let number = match input {
                            Input::Parameter(place) => values[place],
                            Input::Field(field) => {
                                let fields = Kind::Score.fields();
                                let place = fields.iter().position(|(_, known)| *known == field);
                                U32(self.position[place.expect("a field")])
                            }
                            Input::Subject | Input::Feature(_) | Input::Site(_) => {
                                unreachable!("a helper has no score and no tables")
                            }
                        };
                        (value, number)
                    })
                    .collect();
                let result = self.function(callee, given)[0];
                match (call.part, result) {
                    (Part::Derivative(_), F32(_)) | (Part::Result, _) => result,
                    other => panic!("a derivative is {other:?}"),
                }
            }
        }
    }

    fn measure(&mut self, number: Number) {
        if let F32(x) = number {
            let magnitude = if x.is_nan() { f64::INFINITY } else { x.abs() };
            self.outcome.largest = self.outcome.largest.max(magnitude);
        }
    }

    fn decide(&mut self, decision: f64) {
        self.outcome.decisions.push(decision as i64);
    }

    fn unary(&mut self, op: Unary, a: Number) -> Number {
        let x = match (op, a) {
            (Unary::Neg, I32(n)) => return I32(n.wrapping_neg()),
            (Unary::Not, Bool(truth)) => return Bool(!truth),
            (_, F32(x)) => x,
            other => panic!("{other:?}"),
        };
        F32(match op {
            Unary::Neg => -x,
            Unary::Exp => x.exp(),
            Unary::Exp2 => x.exp2(),
            Unary::ExpM1 => x.exp_m1(),
            Unary::Ln => x.ln(),
            Unary::Ln1p => x.ln_1p(),
            Unary::Log2 => x.log2(),
            Unary::Sqrt => {
                if x == 0.0 {
                    // Its slope there is infinite.
                    self.outcome.largest = f64::INFINITY;
                }
                x.sqrt()
            }
            Unary::Sin => x.sin(),
            Unary::Cos => x.cos(),
            Unary::Tan => {
                // Between two poles.
                self.decide((x / std::f64::consts::PI + 0.5).floor());
                x.tan()
            }
            Unary::Sinh => x.sinh(),
            Unary::Cosh => x.cosh(),
            Unary::Tanh => x.tanh(),
            Unary::Abs => {
                self.decide(if x > 0.0 { 1.0 } else { 0.0 });
                x.abs()
            }
            Unary::Floor | Unary::Ceil | Unary::Trunc => {
                let whole = match op {
                    Unary::Floor => x.floor(),
                    Unary::Ceil => x.ceil(),
                    _ => x.trunc(),
                };
                self.decide(whole);
                whole
            }
            Unary::Not => panic!("`!` of a number"),
        })
    }

    fn binary(&mut self, op: Binary, a: Number, b: Number) -> Number {
        match (a, b) {
            (F32(x), F32(y)) => self.float(op, x, y),
            (F32(x), I32(n)) if op == Binary::Powi => F32(x.powi(n)),
            (U32(x), U32(y)) => match op {
                Binary::Add => U32(x.wrapping_add(y)),
                Binary::Sub => U32(x.wrapping_sub(y)),
                Binary::Mul => U32(x.wrapping_mul(y)),
                Binary::Div => U32(x.wrapping_div(y)),
                Binary::Rem => U32(x.wrapping_rem(y)),
                Binary::Min => U32(x.min(y)),
                Binary::Max => U32(x.max(y)),
                Binary::Pow => U32(x.wrapping_pow(y)),
                Binary::BitAnd => U32(x & y),
                Binary::BitOr => U32(x | y),
                Binary::BitXor => U32(x ^ y),
                Binary::Shl => U32(x << y),
                Binary::Shr => U32(x >> y),
                op => Bool(compare(op, &x, &y)),
            },
            (I32(x), U32(y)) if op == Binary::Pow => I32(x.wrapping_pow(y)),
            (I32(x), I32(y)) => match op {
                Binary::Add => I32(x.wrapping_add(y)),
                Binary::Sub => I32(x.wrapping_sub(y)),
                Binary::Mul => I32(x.wrapping_mul(y)),
                Binary::Div => I32(x.wrapping_div(y)),
                Binary::Rem => I32(x.wrapping_rem(y)),
                Binary::Min => I32(x.min(y)),
                Binary::Max => I32(x.max(y)),
                Binary::BitAnd => I32(x & y),
                Binary::BitOr => I32(x | y),
                Binary::BitXor => I32(x ^ y),
                Binary::Shl => I32(x << y),
                Binary::Shr => I32(x >> y),
                op => Bool(compare(op, &x, &y)),
            },
            (Bool(x), Bool(y)) => Bool(match op {
                Binary::And => x && y,
                Binary::Or => x || y,
                op => panic!("{op:?} of truths"),
            }),
            other => panic!("{op:?} of {other:?}"),
        }
    }

    fn float(&mut self, op: Binary, x: f64, y: f64) -> Number {
        F32(match op {
            Binary::Add => x + y,
            Binary::Sub => x - y,
            Binary::Mul => x * y,
            Binary::Div => {
                self.decide(y.signum());
                x / y
            }
            Binary::Rem => {
                let whole = (x / y).trunc();
                if whole.abs() > 1e6 {
                    // A saw whose teeth are too fine.
                    self.outcome.largest = f64::INFINITY;
                }
                self.decide(whole);
                x % y
            }
            Binary::Min | Binary::Max => {
                self.decide(if x < y { 1.0 } else { 0.0 });
                if op == Binary::Min { x.min(y) } else { x.max(y) }
            }
            Binary::Powf => x.powf(y),
            op => {
                let truth = compare(op, &x, &y);
                self.decide(f64::from(u8::from(truth)));
                return Bool(truth);
            }
        })
    }

    fn cast(&mut self, to: Type, a: Number) -> Number {
        match (to, a) {
            (Type::F32, U32(n)) => F32(f64::from(n)),
            (Type::F32, I32(n)) => F32(f64::from(n)),
            (Type::U32, F32(x)) => {
                self.decide(x.trunc());
                U32(x as u32)
            }
            (Type::I32, F32(x)) => {
                self.decide(x.trunc());
                I32(x as i32)
            }
            (Type::U32, I32(n)) => U32(n as u32),
            (Type::I32, U32(n)) => I32(n as i32),
            (Type::U32, Bool(truth)) => U32(u32::from(truth)),
            (Type::I32, Bool(truth)) => I32(i32::from(truth)),
            other => panic!("a cast of {other:?}"),
        }
    }
}

fn read(operand: Operand, known: &HashMap<Value, Number>) -> Number {
    match operand {
        Operand::Value(value) => known[&value],
        Operand::F32(x) => F32(x),
        Operand::U32(n) => U32(n),
        Operand::I32(n) => I32(n),
        Operand::Bool(truth) => Bool(truth),
    }
}

fn compare<T: PartialOrd>(op: Binary, x: &T, y: &T) -> bool {
    match op {
        Binary::Equal => x == y,
        Binary::NotEqual => x != y,
        Binary::Less => x < y,
        Binary::LessEqual => x <= y,
        Binary::Greater => x > y,
        Binary::GreaterEqual => x >= y,
        op => panic!("{op:?} is no comparison"),
    }
}
