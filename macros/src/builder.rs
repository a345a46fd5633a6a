//! Writes the steps of a function; `simplify` makes each as simple as it can be.

use quote::ToTokens;

use crate::ir::{
    Argument, Block, Call, Callee, Function, Input, Op, Operand, Part, Read, Statement, Type,
    Unary, Value, type_of,
};

/// A function under construction. Steps go to the innermost open block.
pub struct Builder {
    types: Vec<Type>,
    names: Vec<Option<String>>,
    callees: Vec<Callee>,
    inputs: Vec<(Input, Value)>,
    definitions: Vec<Option<Op>>,
    open: Vec<Vec<Statement>>,
}

impl Builder {
    pub fn new() -> Builder {
        Builder {
            types: Vec::new(),
            names: Vec::new(),
            callees: Vec::new(),
            inputs: Vec::new(),
            definitions: Vec::new(),
            open: vec![vec![]],
        }
    }

    /// A builder that knows the names of `function`, with nothing written yet.
    pub fn following(function: &Function) -> Builder {
        Builder {
            types: function.types.clone(),
            names: function.names.clone(),
            callees: function.callees.clone(),
            inputs: function.inputs.clone(),
            definitions: vec![None; function.types.len()],
            open: vec![vec![]],
        }
    }

    pub fn finish(mut self, results: Vec<Operand>) -> Function {
        let body = Block::new(self.close(), results);
        let Builder { types, names, callees, inputs, .. } = self;
        Function { types, names, callees, inputs, body }
    }

    /// The steps written so far, and the types and names of all values.
    pub fn into_parts(mut self) -> (Vec<Statement>, Vec<Type>, Vec<Option<String>>) {
        (self.close(), self.types, self.names)
    }

    pub fn input(&mut self, input: Input, ty: Type) -> Operand {
        let known = self.inputs.iter().find(|(known, _)| *known == input);
        Operand::Value(match known {
            Some((_, value)) => *value,
            None => {
                let value = self.name(ty, None);
                self.inputs.push((input, value));
                value
            }
        })
    }

    /// Starts an inner block.
    pub fn open(&mut self) {
        self.open.push(Vec::new());
    }

    /// Records what the author calls a value. The first name stays.
    pub fn set_name(&mut self, operand: Operand, name: &str) {
        if let Operand::Value(value) = operand {
            self.names[value.0].get_or_insert_with(|| name.to_owned());
        }
    }

    pub fn name_of(&self, value: Value) -> Option<&str> {
        self.names[value.0].as_deref()
    }

    /// Ends the inner block and hands over its steps.
    pub fn close(&mut self) -> Vec<Statement> {
        self.open.pop().expect("every close has its open")
    }

    /// Writes steps that already have their names.
    pub fn copy(&mut self, statements: &[Statement]) {
        for statement in statements {
            if let Statement::Let { value, op } = statement {
                self.definitions[value.0] = Some(op.clone());
            }
            self.push(statement.clone());
        }
    }

    pub fn type_of(&self, operand: Operand) -> Type {
        type_of(&self.types, operand)
    }

    fn name(&mut self, ty: Type, op: Option<Op>) -> Value {
        self.types.push(ty);
        self.names.push(None);
        self.definitions.push(op);
        Value(self.types.len() - 1)
    }

    fn push(&mut self, statement: Statement) {
        self.open.last_mut().expect("a block is open").push(statement);
    }

    pub fn step(&mut self, ty: Type, op: Op) -> Operand {
        let value = self.name(ty, Some(op.clone()));
        self.push(Statement::Let { value, op });
        Operand::Value(value)
    }

    /// The step that a value is the result of.
    pub fn definition(&self, operand: Operand) -> Option<Op> {
        match operand {
            Operand::Value(value) => self.definitions[value.0].clone(),
            _ => None,
        }
    }

    /// Gives these callees the places that they have in another function.
    pub fn knows_callees(&mut self, callees: &[Callee]) {
        self.callees = callees.to_vec();
    }

    /// A call of another function of the language.
    pub fn call_path(
        &mut self,
        path: &syn::Path,
        arguments: Vec<Argument>,
        result: Type,
    ) -> Operand {
        let text = |path: &syn::Path| path.to_token_stream().to_string();
        let known = self.callees.iter().position(|callee| text(&callee.path) == text(path));
        let callee = known.unwrap_or_else(|| {
            self.callees.push(Callee { path: path.clone() });
            self.callees.len() - 1
        });
        let arguments = arguments.into();
        self.call(Call { callee, part: Part::Result, arguments, result })
    }

    pub fn call(&mut self, call: Call) -> Operand {
        self.step(call.result, Op::Call(call))
    }

    pub fn read(&mut self, read: Read) -> Operand {
        self.step(read.ty, Op::Read(read))
    }

    /// The results of whichever block runs. Where the blocks have no steps of their own a
    /// `select` does, and a result that is the same in both needs neither.
    pub fn branch(&mut self, condition: Operand, then: Block, otherwise: Block) -> Vec<Operand> {
        let chosen = match condition {
            Operand::Bool(true) => Some(&then),
            Operand::Bool(false) => Some(&otherwise),
            _ => None,
        };
        if let Some(block) = chosen {
            let results = block.results.clone();
            let statements = block.statements.clone();
            self.copy(&statements);
            return results;
        }
        if then.statements.is_empty() && otherwise.statements.is_empty() {
            let pairs = then.results.iter().zip(&otherwise.results);
            return pairs.map(|(&a, &b)| self.select(condition, a, b)).collect();
        }
        let (mut values, mut columns, mut results) = (Vec::new(), Vec::new(), Vec::new());
        for (column, (&a, &b)) in then.results.iter().zip(&otherwise.results).enumerate() {
            if a == b {
                results.push(a);
            } else if (a, b) == (Operand::Bool(true), Operand::Bool(false)) {
                results.push(condition);
            } else if (a, b) == (Operand::Bool(false), Operand::Bool(true)) {
                results.push(self.unary(Unary::Not, condition));
            } else {
                let ty = self.type_of(a);
                let value = self.name(ty, None);
                values.push(value);
                columns.push(column);
                results.push(Operand::Value(value));
            }
        }
        if !values.is_empty() {
            let pick = |block: Block| {
                let results = columns.iter().map(|&column| block.results[column]).collect();
                Block::new(block.statements, results)
            };
            let (then, otherwise) = (pick(then), pick(otherwise));
            self.push(Statement::If { values, condition, then, otherwise });
        }
        results
    }
}
