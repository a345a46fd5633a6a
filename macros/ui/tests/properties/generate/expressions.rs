//! Expressions of each type.

use super::{Bool, F32, Generator, I32, Ty, U32};

impl Generator<'_> {
    /// A name in scope, or a constant.
    pub fn leaf(&mut self, ty: Ty) -> String {
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
    pub fn common(&mut self, ty: Ty, depth: usize) -> String {
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

    pub fn float(&mut self, depth: usize) -> String {
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

    pub fn integer(&mut self, ty: Ty, depth: usize) -> String {
        if self.is_spent(depth) {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.pick(11) {
            0 | 1 => self.leaf(ty),
            2 | 3 => {
                let (a, b) = (self.integer(ty, depth), self.integer(ty, depth));
                let operator = self.one_of(&["+", "-", "*", "/", "%"]);
                format!("({a} {operator} {b})")
            }
            8 => {
                let (a, b) = (self.integer(ty, depth), self.integer(ty, depth));
                let operator = self.one_of(&["&", "|", "^", "<<", ">>"]);
                format!("({a} {operator} {b})")
            }
            9 => {
                let a = self.integer(ty, depth);
                match self.pick(3) {
                    0 => format!("(!{a})"),
                    1 => format!("({a} >> {})", self.one_of(&["1", "4", "33"])),
                    _ => format!("({a} << {})", self.one_of(&["1", "3", "31"])),
                }
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

    pub fn truth(&mut self, depth: usize) -> String {
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
