//! Functions of the language made from a list of choices.
//!
//! Each choice is taken from the list, and is the simplest one where the list has ended: a shorter
//! list makes a simpler function, which is how a failure shrinks.

mod expressions;

use std::fmt;

/// Types of values, as `ir::Type` has them, in the generator's own words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ty {
    F32,
    U32,
    I32,
    Bool,
}

use Ty::{Bool, F32, I32, U32};

impl Ty {
    fn name(self) -> &'static str {
        match self {
            F32 => "f32",
            U32 => "u32",
            I32 => "i32",
            Bool => "bool",
        }
    }
}

/// A function's source, which is what a failed test prints.
#[derive(Clone)]
pub struct Source(pub String);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\n")?;
        match syn::parse_str::<syn::File>(&self.0) {
            Ok(file) => f.write_str(&prettyplease::unparse(&file)),
            Err(_) => f.write_str(&self.0),
        }
    }
}

/// The score `name` that `choices` make. With `helpers` it calls those of the tests.
pub fn score(name: &str, choices: &[u16], helpers: bool) -> Source {
    let mut generator = Generator::new(choices, &[("score", F32)], F32, helpers);
    let body = generator.body(4);
    Source(format!(
        "fn {name}(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {{ {body} }}"
    ))
}

/// The mask `name` that `choices` make.
pub fn mask(name: &str, choices: &[u16], helpers: bool) -> Source {
    let mut generator = Generator::new(choices, &[], Bool, helpers);
    let body = generator.body(4);
    Source(format!("fn {name}(at: Position, a: f32, n: u32, k: i32) -> bool {{ {body} }}"))
}

struct Generator<'c> {
    choices: &'c [u16],
    scopes: Vec<Vec<(String, Ty)>>,
    fresh: usize,
    /// The type of the function.
    result: Ty,
    helpers: bool,
    /// Expressions still allowed; then only leaves are made.
    budget: usize,
}

impl<'c> Generator<'c> {
    fn new(choices: &'c [u16], given: &[(&str, Ty)], result: Ty, helpers: bool) -> Self {
        let parameters = [("a", F32), ("n", U32), ("k", I32)];
        let scope = given.iter().chain(&parameters);
        let scope = scope.map(|&(name, ty)| (name.to_owned(), ty)).collect();
        Self { choices, scopes: vec![scope], fresh: 0, result, helpers, budget: 60 }
    }
}

impl Generator<'_> {
    /// A number below `count`.
    fn pick(&mut self, count: usize) -> usize {
        match self.choices.split_first() {
            Some((first, rest)) => {
                self.choices = rest;
                usize::from(*first) % count
            }
            None => 0,
        }
    }

    fn one_of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.pick(texts.len())]
    }

    fn ty(&mut self) -> Ty {
        [F32, F32, F32, U32, I32, Bool][self.pick(6)]
    }

    fn bind(&mut self, name: &str, ty: Ty) {
        self.scopes.last_mut().expect("a scope is open").push((name.to_owned(), ty));
    }

    /// A new name, or one that is shadowed.
    fn name(&mut self) -> String {
        let known = ["score", "a", "x", "y"];
        match self.pick(3) {
            0 => {
                self.fresh += 1;
                format!("v{}", self.fresh)
            }
            _ => self.one_of(&known).to_owned(),
        }
    }

    fn scoped(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        self.scopes.push(Vec::new());
        let text = write(self);
        self.scopes.pop();
        text
    }

    /// The inside of the function, with returns.
    fn body(&mut self, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.pick(5) {
            text += &self.statement(depth);
        }
        let end = self.expression(self.result, depth);
        match self.pick(6) {
            5 => text + &format!("return {end};"),
            _ => text + &end,
        }
    }

    fn statement(&mut self, depth: usize) -> String {
        match self.pick(8) {
            0 | 1 => self.binding(depth),
            2 => {
                let condition = self.truth(depth);
                match self.pick(4) {
                    0 => {
                        let leave = self.leaving(depth);
                        let (other, end) = (self.truth(depth), self.leaving(depth));
                        format!("if {condition} {{ {leave} }} else if {other} {{ {end} }}")
                    }
                    1 => self.scoped(|g| {
                        let binding = g.binding(depth);
                        let (inner, leave) = (g.truth(depth), g.leaving(depth));
                        format!("if {condition} {{ {binding} if {inner} {{ {leave} }} }}")
                    }),
                    _ => format!("if {condition} {{ {} }}", self.leaving(depth)),
                }
            }
            3 => {
                let (condition, leave) = (self.truth(depth), self.leaving(depth));
                let ty = self.ty();
                let value = self.expression(ty, depth);
                let name = self.name();
                self.bind(&name, ty);
                let ty = ty.name();
                format!("let {name}: {ty} = if {condition} {{ {leave} }} else {{ {value} }};")
            }
            4 => {
                let subject = self.integer(I32, depth);
                let (one, two) = (self.leaving(depth), self.leaving(depth));
                let inner = self.truth(depth);
                format!(
                    "match {subject} {{ 0 => {{ {one} }} 1..=3 | -2 => {{}} _ => {{ if {inner} {{ {two} }} }} }}"
                )
            }
            5 => {
                let subject = self.integer(U32, depth);
                let (one, value) = (self.leaving(depth), self.expression(F32, depth));
                let guard = self.scoped(|g| {
                    g.bind("m", U32);
                    g.truth(depth)
                });
                let name = self.name();
                let rest = self.expression(F32, depth);
                self.bind(&name, F32);
                format!(
                    "let {name} = match {subject} {{ 2 => {value}, m if {guard} => {{ {one} }} _ => {rest} }};"
                )
            }
            6 => {
                let (first, second) = (self.name(), self.name() + "_");
                let (a, b) = (self.ty(), self.ty());
                let value = self.pair(a, b, depth);
                self.bind(&first, a);
                self.bind(&second, b);
                let (a, b) = (a.name(), b.name());
                format!("let ({first}, {second}): ({a}, {b}) = {value};")
            }
            _ => {
                let (x, y) = (self.expression(F32, depth), self.expression(F32, depth));
                self.bind("x", F32);
                self.bind("y", F32);
                format!("let (x, y) = ({x}, {y}); let (x, y) = (y, x);")
            }
        }
    }

    /// A block that ends with a `return`.
    fn leaving(&mut self, depth: usize) -> String {
        self.scoped(|g| {
            let binding = if g.pick(3) == 2 { g.binding(depth) } else { String::new() };
            let value = g.expression(g.result, depth.min(2));
            let end = if g.pick(2) == 0 { ";" } else { "" };
            format!("{binding} return {value}{end}")
        })
    }

    fn binding(&mut self, depth: usize) -> String {
        let ty = self.ty();
        let value = self.expression(ty, depth);
        let name = self.name();
        self.bind(&name, ty);
        match self.pick(2) {
            0 => format!("let {name}: {} = {value};", ty.name()),
            _ => format!("let {name} = {value};"),
        }
    }

    /// A tuple, or what chooses between two.
    fn pair(&mut self, a: Ty, b: Ty, depth: usize) -> String {
        let tuple = |g: &mut Self| {
            let (a, b) = (g.expression(a, depth), g.expression(b, depth));
            format!("({a}, {b})")
        };
        match self.pick(3) {
            0 => tuple(self),
            1 => {
                let (one, two) = (tuple(self), tuple(self));
                let condition = self.truth(depth);
                format!("if {condition} {{ {one} }} else {{ {two} }}")
            }
            _ => {
                let (one, two) = (tuple(self), tuple(self));
                let subject = self.integer(U32, depth);
                format!("match {subject} % 3 {{ 0 => {one}, 1 | 2 => {two}, _ => {one} }}")
            }
        }
    }

    fn block(&mut self, ty: Ty, depth: usize) -> String {
        self.scoped(|g| {
            let binding = if g.pick(2) == 1 { g.binding(depth) } else { String::new() };
            format!("{{ {binding} {} }}", g.expression(ty, depth))
        })
    }

    fn expression(&mut self, ty: Ty, depth: usize) -> String {
        match ty {
            F32 => self.float(depth),
            Bool => self.truth(depth),
            ty => self.integer(ty, depth),
        }
    }
}
