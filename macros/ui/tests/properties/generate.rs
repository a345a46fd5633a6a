//! Functions of the language made from a list of choices.
//!
//! Each choice is taken from the list, and is the simplest one where the list has ended: a shorter
//! list makes a simpler function, which is how a failure shrinks.

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

/// The function `name` that `choices` make. With `helpers` it calls those of the tests.
pub fn function(name: &str, choices: &[u16], helpers: bool) -> Source {
    let scope = [("score", F32), ("a", F32), ("n", U32), ("k", I32)];
    let scope = scope.map(|(name, ty)| (name.to_owned(), ty)).to_vec();
    let mut generator = Generator { choices, scopes: vec![scope], fresh: 0, helpers, budget: 60 };
    let body = generator.body(F32, 4);
    Source(format!(
        "fn {name}(score: f32, at: Position, a: f32, n: u32, k: i32) -> f32 {{ {body} }}"
    ))
}

struct Generator<'c> {
    choices: &'c [u16],
    scopes: Vec<Vec<(String, Ty)>>,
    fresh: usize,
    helpers: bool,
    /// Expressions still allowed; then only leaves are made.
    budget: usize,
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
    fn body(&mut self, ty: Ty, depth: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.pick(5) {
            text += &self.statement(depth);
        }
        let end = self.expression(ty, depth);
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
            let value = g.expression(F32, depth.min(2));
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

    /// A name in scope, or a constant.
    fn leaf(&mut self, ty: Ty) -> String {
        let mut visible: Vec<String> = Vec::new();
        let mut hidden: Vec<&str> = Vec::new();
        for (name, known) in self.scopes.iter().rev().flat_map(|scope| scope.iter().rev()) {
            if *known == ty && !hidden.contains(&name.as_str()) {
                visible.push(name.clone());
            }
            hidden.push(name);
        }
        let fields = ["at.key", "at.query", "at.head", "at.keys", "at.queries", "at.batch"];
        let constants: &[&str] = match ty {
            F32 => &["0.5f32", "1.25f32", "-0.75f32", "2f32", "0f32", "core::f32::consts::PI"],
            U32 => &["3u32", "1u32", "0u32", "u32::MAX"],
            I32 => &["2i32", "-1i32", "0i32", "i32::MIN"],
            Bool => &["true", "false"],
        };
        let mut all: Vec<&str> = visible.iter().map(String::as_str).collect();
        // Names more often than constants.
        all.extend_from_within(..);
        if ty == U32 {
            all.extend(fields);
        }
        all.extend(constants);
        let place = self.pick(all.len());
        all[place].to_owned()
    }

    fn is_spent(&mut self, depth: usize) -> bool {
        self.budget = self.budget.saturating_sub(1);
        depth == 0 || self.budget == 0
    }

    /// Choices that every type has.
    fn common(&mut self, ty: Ty, depth: usize) -> String {
        match self.pick(4) {
            0 => {
                let condition = self.truth(depth);
                let (a, b) = (self.block(ty, depth), self.block(ty, depth));
                match self.pick(2) {
                    0 => format!("(if {condition} {a} else {b})"),
                    _ => {
                        let (other, c) = (self.truth(depth), self.block(ty, depth));
                        format!("(if {condition} {a} else if {other} {c} else {b})")
                    }
                }
            }
            1 => {
                let subject = self.integer(U32, depth);
                let (a, b) = (self.expression(ty, depth), self.block(ty, depth));
                let guard = self.truth(depth);
                format!(
                    "(match {subject} {{ 0 | 4..=6 => {a}, 1..3 if {guard} => {b}, _ => {a} }})"
                )
            }
            2 => {
                let (x, y) = (self.truth(depth), self.truth(depth));
                let (a, b) = (self.expression(ty, depth), self.expression(ty, depth));
                format!("(match ({x}, {y}) {{ (true, _) => {a}, (false, true) => {b}, _ => {a} }})")
            }
            _ => {
                let (a, b) = (self.expression(ty, depth), self.expression(ty, depth));
                format!("({{ let pair = ({a}, {b}); pair.{} }})", self.pick(2))
            }
        }
    }

    fn float(&mut self, depth: usize) -> String {
        if self.is_spent(depth) {
            return self.leaf(F32);
        }
        let depth = depth - 1;
        match self.pick(14) {
            0 | 1 => self.leaf(F32),
            2 | 3 => {
                let (a, b) = (self.float(depth), self.float(depth));
                let operator = self.one_of(&["+", "-", "*", "+"]);
                format!("({a} {operator} {b})")
            }
            4 => {
                let (a, b) = (self.float(depth), self.float(depth));
                match self.pick(3) {
                    0 => format!("({a} / ({b} * {b} + 1.5))"),
                    1 => format!("({a} / {b})"),
                    _ => format!("({a} % {b})"),
                }
            }
            5 | 6 => {
                let a = self.float(depth);
                let method =
                    self.one_of(&["sin", "cos", "tanh", "exp", "exp2", "exp_m1", "sinh", "cosh"]);
                match method {
                    "sin" | "cos" | "tanh" => format!("({a} * 0.7f32).{method}()"),
                    // Kept from growing beyond all bounds.
                    method => format!("({a}).sin().{method}()"),
                }
            }
            7 => {
                let a = self.float(depth);
                let method = self.one_of(&["ln", "log2", "sqrt", "ln_1p", "recip", "tan"]);
                match self.pick(3) {
                    0 => format!("({a}).{method}()"),
                    _ => format!("({a} * {a} + 0.75).{method}()"),
                }
            }
            8 => {
                let (a, b) = (self.float(depth), self.float(depth));
                match self.pick(4) {
                    0 => format!("f32::max({a}, {b})"),
                    1 => format!("({a}).min({b})"),
                    2 => format!("({a}).clamp(-1.5, {b})"),
                    _ => format!("({a}).mul_add({b}, 0.25)"),
                }
            }
            9 => {
                let a = self.float(depth);
                let names = ["abs", "floor", "ceil", "round", "trunc", "signum"];
                format!("({a}).{}()", self.one_of(&names))
            }
            10 => {
                let a = self.float(depth);
                match self.pick(4) {
                    0 => format!("({a}).powi({})", self.one_of(&["2", "3", "-2", "0", "1", "-3"])),
                    1 => format!("({a}).powi(k % 5)"),
                    2 => {
                        let b = self.float(depth);
                        format!("({a} * {a} + 0.5).powf(({b}).sin())")
                    }
                    _ => format!("2.0f32.powf(({a}).cos())"),
                }
            }
            11 => match self.pick(3) {
                0 => format!("({} as f32 * 0.125)", self.integer(U32, depth)),
                1 => format!("({} as f32 * 0.25)", self.integer(I32, depth)),
                _ => format!("((0.5 + {}) as i32 as f32)", self.float(depth)),
            },
            12 if self.helpers => {
                let (a, b) = (self.float(depth), self.float(depth));
                let n = self.leaf(U32);
                match self.pick(3) {
                    0 => format!("bump({a}, {b})"),
                    1 => format!("wave({a}, at, {n} % 4)"),
                    _ => format!("both({a}, {b})"),
                }
            }
            12 => format!("(-{})", self.float(depth)),
            _ => self.common(F32, depth),
        }
    }

    fn integer(&mut self, ty: Ty, depth: usize) -> String {
        if self.is_spent(depth) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.pick(9) {
            0..=2 => self.leaf(ty),
            3 => {
                let (a, b) = (self.integer(ty, depth), self.integer(ty, depth));
                let operator = self.one_of(&["+", "-", "*", "/", "%"]);
                format!("({a} {operator} {b})")
            }
            4 => {
                let (a, b) = (self.integer(ty, depth), self.integer(ty, depth));
                let method = self.one_of(&["min", "max", "clamp", "pow"]);
                match method {
                    "clamp" => format!("({a}).clamp(1, {b})"),
                    "pow" => format!("({a}).pow(2)"),
                    method => format!("({a}).{method}({b})"),
                }
            }
            5 => match (ty, self.pick(3)) {
                (U32, 0) => {
                    let (a, b) = (self.integer(I32, depth), self.integer(I32, depth));
                    format!("({a}).abs_diff({b})")
                }
                (U32, 1) => format!("({}).saturating_sub(n)", self.integer(U32, depth)),
                (U32, _) if self.helpers => {
                    let (k, name) = (self.integer(I32, depth), "count_u32");
                    format!("({{ let c: u32 = {name}(at, {k}); c }})")
                }
                (I32, 0) => format!("({}).abs()", self.integer(I32, depth)),
                _ => self.leaf(ty),
            },
            6 => {
                let other = if ty == U32 { I32 } else { U32 };
                format!("({} as {})", self.integer(other, depth), ty.name())
            }
            7 => match self.pick(2) {
                0 => format!("({} as {})", self.truth(depth), ty.name()),
                _ => format!("(({}).sin() as {})", self.float(depth), ty.name()),
            },
            _ => self.common(ty, depth),
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        if self.is_spent(depth) {
            return self.leaf(Bool);
        }
        let depth = depth - 1;
        match self.pick(7) {
            0..=2 => {
                let ty = [F32, U32, I32][self.pick(3)];
                let (a, b) = (self.expression(ty, depth), self.expression(ty, depth));
                let operator = self.one_of(&["<", ">", "<=", ">=", "==", "!="]);
                format!("({a} {operator} {b})")
            }
            3 => {
                let (a, b) = (self.truth(depth), self.truth(depth));
                let operator = self.one_of(&["&&", "||", "==", "!="]);
                format!("({a} {operator} {b})")
            }
            4 => format!("(!{})", self.truth(depth)),
            5 => format!("({}).is_multiple_of(2)", self.integer(U32, depth)),
            _ => self.common(Bool, depth),
        }
    }
}
