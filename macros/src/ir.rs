//! The form a function's body takes between its syntax and the three texts made from it.
//!
//! A body is a list of named steps, each one primitive operation on names and constants, with
//! `if` as the only structure. Names are unique in a function, so shadowing is gone, and every
//! text prints one `let` for each step. The builder folds constants and neutral elements as it
//! goes, and a block drops the steps that nothing reads: a derivative has no leftovers.

use std::collections::HashSet;
use std::fmt;
use std::rc::Rc;

/// The types a function of the language computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    F32,
    U32,
    I32,
    Bool,
}

impl Type {
    pub fn name(self) -> &'static str {
        match self {
            Type::F32 => "f32",
            Type::U32 => "u32",
            Type::I32 => "i32",
            Type::Bool => "bool",
        }
    }

    pub fn from_name(name: &str) -> Option<Type> {
        [Type::F32, Type::U32, Type::I32, Type::Bool].into_iter().find(|ty| ty.name() == name)
    }

    pub fn is_integer(self) -> bool {
        matches!(self, Type::U32 | Type::I32)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a step's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Value(pub usize);

/// What a step reads. An `f32` constant is kept in `f64` for the host's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    Value(Value),
    F32(f64),
    U32(u32),
    I32(i32),
    Bool(bool),
}

/// What a function of an element knows of the rest of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The element's partner.
    Pair,
    /// The mean of the row.
    Mean,
    /// The mean of the row's squares.
    MeanSquare,
}

impl Feature {
    pub const ALL: [Feature; 3] = [Feature::Pair, Feature::Mean, Feature::MeanSquare];

    /// The name of the argument that asks for it.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Pair => "pair",
            Feature::Mean => "mean",
            Feature::MeanSquare => "mean_square",
        }
    }
}

/// What a function is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// What the function changes: the score, the weight, or an element of a row.
    Subject,
    /// What else of its row an element is given.
    Feature(Feature),
    /// A field of the position. Where a function changes elements of rows, a token is its query and a
    /// dimension its key.
    Field(&'static str),
    /// A parameter, by its place in the parameter list.
    Parameter(usize),
    /// What a site reads of a learned parameter, by the site's number. No text mentions it: it is
    /// what a derivative is taken with respect to.
    Site(usize),
}

/// The most dimensions of a table.
pub const MAX_RANK: usize = 4;

/// An element of a table. Indices are `u32` or `i32`, and one outside the table means the nearest
/// element that exists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Read {
    /// The table, by its place in the parameter list.
    pub parameter: usize,
    /// The type of its elements.
    pub ty: Type,
    /// How many of the indices count; none where the parameter is a learned number.
    pub rank: usize,
    pub index: [Operand; MAX_RANK],
    /// The input that stands for the element, where the parameter is learned.
    pub site: Option<Value>,
}

impl Read {
    pub fn indices(&self) -> &[Operand] {
        &self.index[..self.rank]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Neg,
    Not,
    Exp,
    Exp2,
    ExpM1,
    Ln,
    Ln1p,
    Log2,
    Sqrt,
    Sin,
    Cos,
    Tan,
    Sinh,
    Cosh,
    Tanh,
    Abs,
    Floor,
    Ceil,
    Trunc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    /// Of integers: the builder has made sure that it cannot trap.
    Div,
    Rem,
    Min,
    Max,
    /// `f32` to an `f32` power.
    Powf,
    /// `f32` to an `i32` power.
    Powi,
    /// An integer to a `u32` power, wrapping.
    Pow,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    BitAnd,
    BitOr,
    BitXor,
    /// By fewer bits than the number has: the builder has made sure of it.
    Shl,
    Shr,
}

impl Binary {
    pub fn is_comparison(self) -> bool {
        use Binary::*;
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }

    /// Whether it works on the bits of integers.
    pub fn is_of_bits(self) -> bool {
        use Binary::*;
        matches!(self, BitAnd | BitOr | BitXor | Shl | Shr)
    }
}

/// A function of the same language that this one calls.
#[derive(Clone, Debug)]
pub struct Callee {
    /// As the calling function writes it.
    pub path: syn::Path,
}

/// What a call passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Argument {
    Value(Operand),
    Position,
}

/// Which of the functions that a callee brings is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    Result,
    /// The derivative of the result with respect to the argument at this place.
    Derivative(usize),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The place of the callee in [`Function::callees`].
    pub callee: usize,
    pub part: Part,
    pub arguments: Rc<[Argument]>,
    pub result: Type,
}

/// One primitive operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    Unary(Unary, Operand),
    Binary(Binary, Operand, Operand),
    /// Both choices are already computed.
    Select(Operand, Operand, Operand),
    Cast(Type, Operand),
    Read(Read),
    Call(Call),
}

impl Op {
    pub fn operands(&self) -> Vec<Operand> {
        match *self {
            Op::Unary(_, a) | Op::Cast(_, a) => vec![a],
            Op::Binary(_, a, b) => vec![a, b],
            Op::Select(c, a, b) => vec![c, a, b],
            Op::Read(read) => {
                read.indices().iter().copied().chain(read.site.map(Operand::Value)).collect()
            }
            Op::Call(ref call) => {
                let value = |argument: &Argument| match *argument {
                    Argument::Value(operand) => Some(operand),
                    Argument::Position => None,
                };
                call.arguments.iter().filter_map(value).collect()
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    Let {
        value: Value,
        op: Op,
    },
    /// Only the chosen block runs; `values` are its results.
    If {
        values: Vec<Value>,
        condition: Operand,
        then: Block,
        otherwise: Block,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub statements: Vec<Statement>,
    pub results: Vec<Operand>,
}

impl Block {
    /// A block of the statements that its results need.
    pub fn new(statements: Vec<Statement>, results: Vec<Operand>) -> Block {
        let mut needed = HashSet::new();
        let need = |needed: &mut HashSet<Value>, operands: &[Operand]| {
            needed.extend(operands.iter().filter_map(|operand| match operand {
                Operand::Value(value) => Some(*value),
                _ => None,
            }));
        };
        need(&mut needed, &results);
        let mut kept = Vec::new();
        for statement in statements.into_iter().rev() {
            match statement {
                Statement::Let { value, op } => {
                    if needed.contains(&value) {
                        need(&mut needed, &op.operands());
                        kept.push(Statement::Let { value, op });
                    }
                }
                Statement::If { values, condition, then, otherwise } => {
                    let columns: Vec<usize> =
                        (0..values.len()).filter(|&i| needed.contains(&values[i])).collect();
                    if columns.is_empty() {
                        continue;
                    }
                    let pick = |block: Block| {
                        let results = columns.iter().map(|&i| block.results[i]).collect();
                        Block::new(block.statements, results)
                    };
                    let (then, otherwise) = (pick(then), pick(otherwise));
                    need(&mut needed, &[condition]);
                    for block in [&then, &otherwise] {
                        needed.extend(block.free_values());
                    }
                    let values = columns.iter().map(|&i| values[i]).collect();
                    kept.push(Statement::If { values, condition, then, otherwise });
                }
            }
        }
        kept.reverse();
        Block { statements: kept, results }
    }

    /// The values that the block reads and does not make, in the order of first use.
    pub fn free_values(&self) -> Vec<Value> {
        let mut made = HashSet::new();
        let mut free = Vec::new();
        self.collect_free(&mut made, &mut free);
        free
    }

    fn collect_free(&self, made: &mut HashSet<Value>, free: &mut Vec<Value>) {
        let read = |operand: &Operand, made: &HashSet<Value>, free: &mut Vec<Value>| {
            if let Operand::Value(value) = operand
                && !made.contains(value)
                && !free.contains(value)
            {
                free.push(*value);
            }
        };
        for statement in &self.statements {
            match statement {
                Statement::Let { value, op } => {
                    op.operands().iter().for_each(|operand| read(operand, made, free));
                    made.insert(*value);
                }
                Statement::If { values, condition, then, otherwise } => {
                    read(condition, made, free);
                    then.collect_free(made, free);
                    otherwise.collect_free(made, free);
                    made.extend(values);
                }
            }
        }
        self.results.iter().for_each(|operand| read(operand, made, free));
    }
}

/// A whole function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The type of every value.
    pub types: Vec<Type>,
    /// What the author calls a value, for texts that people read.
    pub names: Vec<Option<String>>,
    pub callees: Vec<Callee>,
    /// The values that stand for what the function is given.
    pub inputs: Vec<(Input, Value)>,
    pub body: Block,
}

impl Function {
    /// The inputs that the body reads.
    pub fn used_inputs(&self) -> impl Iterator<Item = &(Input, Value)> {
        let free = self.body.free_values();
        self.inputs.iter().filter(move |(_, value)| free.contains(value))
    }

    pub fn type_of(&self, operand: Operand) -> Type {
        type_of(&self.types, operand)
    }
}

pub fn type_of(types: &[Type], operand: Operand) -> Type {
    match operand {
        Operand::Value(value) => types[value.0],
        Operand::F32(_) => Type::F32,
        Operand::U32(_) => Type::U32,
        Operand::I32(_) => Type::I32,
        Operand::Bool(_) => Type::Bool,
    }
}
