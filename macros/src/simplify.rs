//! Operations, simplified as they are written: constants are folded, neutral elements vanish, and what
//! could trap does not.

use crate::builder::Builder;
use crate::ir::{Binary, Op, Operand, Type, Unary};

/// A constant exponent up to this becomes multiplications.
const UNROLLED_EXPONENT: u32 = 16;

impl Builder {
    pub fn unary(&mut self, op: Unary, a: Operand) -> Operand {
        match (op, a) {
            (Unary::Neg, Operand::F32(x)) => return Operand::F32(-x),
            (Unary::Neg, Operand::I32(x)) => return Operand::I32(x.wrapping_neg()),
            (Unary::Not, Operand::Bool(x)) => return Operand::Bool(!x),
            (Unary::Neg | Unary::Not, _) => {
                if let Some(Op::Unary(inner, b)) = self.definition(a)
                    && inner == op
                {
                    return b;
                }
            }
            _ => {}
        }
        let ty = self.type_of(a);
        self.step(ty, Op::Unary(op, a))
    }

    pub fn binary(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        if let Some(folded) = fold(op, a, b) {
            return folded;
        }
        let ty = self.type_of(a);
        match op {
            Binary::Div | Binary::Rem if ty.is_integer() => return self.integer_division(op, a, b),
            Binary::Shl | Binary::Shr => return self.shift(op, a, b),
            // CubeCL compares no truths on CUDA.
            Binary::Equal | Binary::NotEqual if ty == Type::Bool => {
                let opposite = self.unary(Unary::Not, b);
                return match op {
                    Binary::Equal => self.select(a, b, opposite),
                    _ => self.select(a, opposite, b),
                };
            }
            Binary::Mul if a == Operand::F32(-1.0) => return self.unary(Unary::Neg, b),
            Binary::Mul if b == Operand::F32(-1.0) => return self.unary(Unary::Neg, a),
            Binary::Powi => {
                if let Operand::I32(n) = b
                    && n.unsigned_abs() <= UNROLLED_EXPONENT
                {
                    let power = self.power(a, n.unsigned_abs(), Operand::F32(1.0));
                    return if n < 0 {
                        self.binary(Binary::Div, Operand::F32(1.0), power)
                    } else {
                        power
                    };
                }
            }
            Binary::Pow => {
                if let Operand::U32(n) = b
                    && n <= UNROLLED_EXPONENT
                {
                    let one = if ty == Type::U32 { Operand::U32(1) } else { Operand::I32(1) };
                    return self.power(a, n, one);
                }
            }
            _ => {}
        }
        let ty = if op.is_comparison() { Type::Bool } else { ty };
        self.step(ty, Op::Binary(op, a, b))
    }

    /// By repeated squaring.
    fn power(&mut self, base: Operand, exponent: u32, one: Operand) -> Operand {
        let (mut result, mut square, mut rest) = (one, base, exponent);
        while rest > 0 {
            if rest & 1 == 1 {
                result =
                    if result == one { square } else { self.binary(Binary::Mul, result, square) };
            }
            rest >>= 1;
            if rest > 0 {
                square = self.binary(Binary::Mul, square, square);
            }
        }
        result
    }

    /// A division that no value of a parameter can make trap, neither on the host nor on a CPU
    /// device: a divisor of zero counts as one, and the quotient of the least `i32` by -1 wraps.
    fn integer_division(&mut self, op: Binary, a: Operand, b: Operand) -> Operand {
        let ty = self.type_of(a);
        let harmless = matches!(b, Operand::U32(1..)) || matches!(b, Operand::I32(n) if n > 0);
        if harmless {
            return self.step(ty, Op::Binary(op, a, b));
        }
        if ty == Type::U32 {
            let zero = self.binary(Binary::Equal, b, Operand::U32(0));
            let divisor = self.select(zero, Operand::U32(1), b);
            return self.step(ty, Op::Binary(op, a, divisor));
        }
        let zero = self.binary(Binary::Equal, b, Operand::I32(0));
        let negates = self.binary(Binary::Equal, b, Operand::I32(-1));
        let unsafe_divisor = self.binary(Binary::Or, zero, negates);
        let divisor = self.select(unsafe_divisor, Operand::I32(1), b);
        let result = self.step(ty, Op::Binary(op, a, divisor));
        if op == Binary::Rem {
            // The remainder by 1 and by -1 is 0 for both.
            return result;
        }
        let negated = self.unary(Unary::Neg, a);
        self.select(negates, negated, result)
    }

    /// A shift of so many bits, counted modulo 32: what is shifted by more differs between devices.
    fn shift(&mut self, op: Binary, a: Operand, bits: Operand) -> Operand {
        let ty = self.type_of(a);
        let last = if ty == Type::U32 { Operand::U32(31) } else { Operand::I32(31) };
        let bits = self.binary(Binary::BitAnd, bits, last);
        match bits {
            Operand::U32(0) | Operand::I32(0) => a,
            bits => self.step(ty, Op::Binary(op, a, bits)),
        }
    }

    /// `a / b` where a factor that is `b` itself cancels. For derivatives only: there `a` is a
    /// product of our own making.
    pub fn quotient(&mut self, a: Operand, b: Operand) -> Operand {
        if let Some(Op::Binary(Binary::Mul, x, y)) = self.definition(a) {
            if x == b {
                return y;
            }
            if y == b {
                return x;
            }
        }
        self.binary(Binary::Div, a, b)
    }

    pub fn select(&mut self, condition: Operand, a: Operand, b: Operand) -> Operand {
        match condition {
            Operand::Bool(true) => return a,
            Operand::Bool(false) => return b,
            _ if a == b => return a,
            _ => {}
        }
        match (a, b) {
            (Operand::Bool(true), Operand::Bool(false)) => condition,
            (Operand::Bool(false), Operand::Bool(true)) => self.unary(Unary::Not, condition),
            _ => {
                let ty = self.type_of(a);
                self.step(ty, Op::Select(condition, a, b))
            }
        }
    }

    pub fn cast(&mut self, to: Type, a: Operand) -> Operand {
        if self.type_of(a) == to {
            return a;
        }
        match (to, a) {
            (Type::F32, Operand::U32(n)) => Operand::F32(f64::from(n as f32)),
            (Type::F32, Operand::I32(n)) => Operand::F32(f64::from(n as f32)),
            (Type::U32, Operand::F32(x)) => Operand::U32(x as u32),
            (Type::I32, Operand::F32(x)) => Operand::I32(x as i32),
            (Type::U32, Operand::I32(n)) => Operand::U32(n as u32),
            (Type::I32, Operand::U32(n)) => Operand::I32(n as i32),
            (Type::U32, Operand::Bool(b)) => Operand::U32(u32::from(b)),
            (Type::I32, Operand::Bool(b)) => Operand::I32(i32::from(b)),
            _ => self.step(to, Op::Cast(to, a)),
        }
    }
}

/// The result of an operation that is known, or is one of its operands.
fn fold(op: Binary, a: Operand, b: Operand) -> Option<Operand> {
    use Operand::{Bool, F32, I32, U32};
    match (op, a, b) {
        (Binary::Add, F32(0.0), x) | (Binary::Add, x, F32(0.0)) => return Some(x),
        (Binary::Add, U32(0), x) | (Binary::Add, x, U32(0)) => return Some(x),
        (Binary::Sub, x, F32(0.0)) | (Binary::Sub, x, U32(0)) => return Some(x),
        (Binary::Mul, F32(1.0), x) | (Binary::Mul, x, F32(1.0)) => return Some(x),
        (Binary::Mul, U32(1), x) | (Binary::Mul, x, U32(1)) => return Some(x),
        (Binary::Div, x, F32(1.0)) | (Binary::Powf, x, F32(1.0)) => return Some(x),
        (Binary::And, Bool(true), x) | (Binary::And, x, Bool(true)) => return Some(x),
        (Binary::Or, Bool(false), x) | (Binary::Or, x, Bool(false)) => return Some(x),
        (Binary::And, Bool(false), _) | (Binary::And, _, Bool(false)) => return Some(Bool(false)),
        (Binary::Or, Bool(true), _) | (Binary::Or, _, Bool(true)) => return Some(Bool(true)),
        _ => {}
    }
    match (a, b) {
        (F32(x), F32(y)) => {
            if op.is_comparison() {
                return Some(Bool(compare(op, &x, &y)));
            }
            let result = match op {
                Binary::Add => x + y,
                Binary::Sub => x - y,
                Binary::Mul => x * y,
                Binary::Div => x / y,
                Binary::Min => x.min(y),
                Binary::Max => x.max(y),
                _ => return None,
            };
            // Beyond f32 the device's arithmetic decides.
            (result.abs() <= f64::from(f32::MAX)).then_some(F32(result))
        }
        (U32(x), U32(y)) => Some(match op {
            _ if op.is_comparison() => Bool(compare(op, &x, &y)),
            Binary::Add => U32(x.wrapping_add(y)),
            Binary::Sub => U32(x.wrapping_sub(y)),
            Binary::Mul => U32(x.wrapping_mul(y)),
            Binary::Div => U32(x / y.max(1)),
            Binary::Rem => U32(x % y.max(1)),
            Binary::Min => U32(x.min(y)),
            Binary::Max => U32(x.max(y)),
            Binary::BitAnd => U32(x & y),
            Binary::BitOr => U32(x | y),
            Binary::BitXor => U32(x ^ y),
            Binary::Shl => U32(x.wrapping_shl(y)),
            Binary::Shr => U32(x.wrapping_shr(y)),
            Binary::Pow => U32(x.wrapping_pow(y)),
            _ => return None,
        }),
        (I32(x), I32(y)) => Some(match op {
            _ if op.is_comparison() => Bool(compare(op, &x, &y)),
            Binary::Add => I32(x.wrapping_add(y)),
            Binary::Sub => I32(x.wrapping_sub(y)),
            Binary::Mul => I32(x.wrapping_mul(y)),
            Binary::Min => I32(x.min(y)),
            Binary::Max => I32(x.max(y)),
            Binary::BitAnd => I32(x & y),
            Binary::BitOr => I32(x | y),
            Binary::BitXor => I32(x ^ y),
            Binary::Shl => I32(x.wrapping_shl(y as u32)),
            Binary::Shr => I32(x.wrapping_shr(y as u32)),
            _ => return None,
        }),
        (Bool(x), Bool(y)) if op.is_comparison() => Some(Bool(compare(op, &x, &y))),
        _ => None,
    }
}

fn compare<T: PartialOrd>(op: Binary, x: &T, y: &T) -> bool {
    match op {
        Binary::Equal => x == y,
        Binary::NotEqual => x != y,
        Binary::Less => x < y,
        Binary::LessEqual => x <= y,
        Binary::Greater => x > y,
        _ => x >= y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Function, Input, Statement};

    fn steps(ty: Type, write: impl FnOnce(&mut Builder, Operand, Operand) -> Operand) -> Function {
        let mut builder = Builder::new();
        let a = builder.input(Input::Parameter(0), ty);
        let b = builder.input(Input::Parameter(1), ty);
        let result = write(&mut builder, a, b);
        builder.finish(vec![result])
    }

    #[test]
    fn neutral_elements_and_unread_steps_vanish() {
        let function = steps(Type::F32, |builder, a, b| {
            builder.unary(Unary::Exp, b);
            let one = builder.binary(Binary::Mul, a, Operand::F32(1.0));
            builder.binary(Binary::Add, Operand::F32(0.0), one)
        });
        assert_eq!(function.body.statements, []);
    }

    #[test]
    fn truths_are_compared_without_a_comparison_of_truths() {
        for op in [Binary::Equal, Binary::NotEqual] {
            let function = steps(Type::Bool, |builder, a, b| builder.binary(op, a, b));
            assert!(function.body.statements.iter().all(|statement| {
                !matches!(statement, Statement::Let { op: Op::Binary(op, ..), .. } if op.is_comparison())
            }));
        }
    }

    #[test]
    fn only_a_variable_divisor_is_guarded() {
        let count = |function: Function| function.body.statements.len();
        let constant =
            steps(Type::U32, |builder, a, _| builder.binary(Binary::Div, a, Operand::U32(3)));
        assert_eq!(count(constant), 1);
        let variable = steps(Type::U32, |builder, a, b| builder.binary(Binary::Div, a, b));
        assert_eq!(count(variable), 3);
    }

    #[test]
    fn a_shift_stays_below_the_bits_of_a_number() {
        let constant =
            steps(Type::U32, |builder, a, _| builder.binary(Binary::Shl, a, Operand::U32(35)));
        let [Statement::Let { op, .. }] = constant.body.statements.as_slice() else {
            panic!("one step: {:?}", constant.body)
        };
        assert!(matches!(op, Op::Binary(Binary::Shl, _, Operand::U32(3))));
        let variable = steps(Type::I32, |builder, a, b| builder.binary(Binary::Shr, a, b));
        assert_eq!(variable.body.statements.len(), 2);
        let none =
            steps(Type::I32, |builder, a, _| builder.binary(Binary::Shr, a, Operand::I32(32)));
        assert_eq!(none.body.statements, []);
    }

    #[test]
    fn small_powers_are_products() {
        let cube =
            steps(Type::F32, |builder, a, _| builder.binary(Binary::Powi, a, Operand::I32(3)));
        assert_eq!(cube.body.statements.len(), 2);
        let none =
            steps(Type::F32, |builder, a, _| builder.binary(Binary::Powi, a, Operand::I32(0)));
        assert_eq!(none.body.results, [Operand::F32(1.0)]);
    }
}
