//! Literals, constants and the types they take.

use crate::ir::{Binary, Operand, Type};

/// A checked value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Checked {
    Typed(Operand, Type),
    /// An integer literal, which takes the type of what it meets.
    Integer(i128),
}

pub fn read(literal: &syn::Lit) -> syn::Result<Checked> {
    let refuse = |message: &str| Err(syn::Error::new_spanned(literal, message));
    match literal {
        syn::Lit::Float(number) => match number.suffix() {
            // Rounded as the device will round it, so that the host computes the same function.
            "" | "f32" => Ok(float(f64::from(number.base10_parse::<f32>()?))),
            _ => refuse("numbers with a point are `f32` here: leave the suffix out"),
        },
        syn::Lit::Int(number) => match number.suffix() {
            "" => Ok(Checked::Integer(number.base10_parse()?)),
            "f32" => Ok(float(f64::from(number.base10_parse::<f32>()?))),
            suffix @ ("u32" | "i32") => {
                let ty = if suffix == "u32" { Type::U32 } else { Type::I32 };
                match integer(number.base10_parse()?, ty) {
                    Ok(operand) => Ok(Checked::Typed(operand, ty)),
                    Err(message) => refuse(&message),
                }
            }
            _ => refuse("a whole number is `u32` or `i32` here, as in `3u32`"),
        },
        syn::Lit::Bool(truth) => Ok(Checked::Typed(Operand::Bool(truth.value), Type::Bool)),
        _ => refuse("a literal is a number, `true` or `false` here"),
    }
}

fn float(number: f64) -> Checked {
    Checked::Typed(Operand::F32(number), Type::F32)
}

/// A bare literal as a `ty`.
pub fn integer(number: i128, ty: Type) -> Result<Operand, String> {
    match ty {
        Type::U32 => u32::try_from(number)
            .map(Operand::U32)
            .map_err(|_| format!("{number} is not a `u32`: those go from 0 to {}", u32::MAX)),
        Type::I32 => i32::try_from(number).map(Operand::I32).map_err(|_| {
            format!("{number} is not an `i32`: those go from {} to {}", i32::MIN, i32::MAX)
        }),
        Type::F32 => Err(format!("`f32` is needed here: write `{number}.0`")),
        Type::Bool => {
            Err("`bool` is needed here: write `true`, `false` or a comparison".to_owned())
        }
    }
}

/// The operation on two bare literals.
pub fn fold(op: Binary, a: i128, b: i128) -> Option<Checked> {
    let truth = |truth| Some(Checked::Typed(Operand::Bool(truth), Type::Bool));
    match op {
        Binary::Add => a.checked_add(b).map(Checked::Integer),
        Binary::Sub => a.checked_sub(b).map(Checked::Integer),
        Binary::Mul => a.checked_mul(b).map(Checked::Integer),
        Binary::Div => a.checked_div(b).map(Checked::Integer),
        Binary::Rem => a.checked_rem(b).map(Checked::Integer),
        Binary::BitAnd => Some(Checked::Integer(a & b)),
        Binary::BitOr => Some(Checked::Integer(a | b)),
        Binary::BitXor => Some(Checked::Integer(a ^ b)),
        Binary::Shl if (0..32).contains(&b) => Some(Checked::Integer(a << b)),
        Binary::Shr if (0..32).contains(&b) => Some(Checked::Integer(a >> b)),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::Less => truth(a < b),
        Binary::LessEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterEqual => truth(a >= b),
        _ => None,
    }
}

/// The constants of the number types.
pub const CONSTANTS: [(&str, Operand); 9] = [
    ("f32::INFINITY", Operand::F32(f64::INFINITY)),
    ("f32::NEG_INFINITY", Operand::F32(f64::NEG_INFINITY)),
    ("f32::EPSILON", Operand::F32(f32::EPSILON as f64)),
    ("f32::MAX", Operand::F32(f32::MAX as f64)),
    ("f32::MIN", Operand::F32(f32::MIN as f64)),
    ("f32::MIN_POSITIVE", Operand::F32(f32::MIN_POSITIVE as f64)),
    ("u32::MAX", Operand::U32(u32::MAX)),
    ("i32::MAX", Operand::I32(i32::MAX)),
    ("i32::MIN", Operand::I32(i32::MIN)),
];

pub fn constant(path: &syn::Path) -> Option<Operand> {
    use core::f32::consts as c;
    let segments: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let number = match segments.as_slice() {
        ["core" | "std", "f32", "consts", name] | ["f32", "consts", name] | ["consts", name] => {
            match *name {
                "PI" => c::PI,
                "TAU" => c::TAU,
                "E" => c::E,
                "LN_2" => c::LN_2,
                "LN_10" => c::LN_10,
                "LOG2_E" => c::LOG2_E,
                "LOG10_E" => c::LOG10_E,
                "SQRT_2" => c::SQRT_2,
                "FRAC_1_SQRT_2" => c::FRAC_1_SQRT_2,
                "FRAC_1_PI" => c::FRAC_1_PI,
                "FRAC_2_PI" => c::FRAC_2_PI,
                "FRAC_2_SQRT_PI" => c::FRAC_2_SQRT_PI,
                "FRAC_PI_2" => c::FRAC_PI_2,
                "FRAC_PI_4" => c::FRAC_PI_4,
                _ => return None,
            }
        }
        ["core" | "std", ty, name] | [ty, name] => {
            let name = format!("{ty}::{name}");
            return CONSTANTS.iter().find(|known| known.0 == name).map(|known| known.1);
        }
        _ => return None,
    };
    Some(Operand::F32(f64::from(number)))
}

/// How to make a `from` a `to`.
pub fn cast_hint(from: Type, to: Type) -> String {
    match (from, to) {
        (Type::Bool, Type::F32) => "; write `if a { 1.0 } else { 0.0 }`".to_owned(),
        (_, Type::Bool) => "; compare, as in `a != b`".to_owned(),
        _ => format!("; cast it, as in `a as {to}`"),
    }
}

/// How to bring two operands to one type: towards `f32`, else towards `i32`.
pub fn cast_both_hint(a: Type, b: Type) -> String {
    match (a, b) {
        (Type::Bool, _) | (_, Type::Bool) => String::new(),
        (Type::F32, _) | (_, Type::F32) => "; cast the other one, as in `a as f32`".to_owned(),
        _ => "; cast one, as in `a as i32`".to_owned(),
    }
}
