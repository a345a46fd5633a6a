//! `#[range(..)]`: the values that a parameter may have.

use std::ops::{Bound, RangeBounds};

use syn::parse::{ParseStream, Parser};
use syn::{Attribute, BinOp, Expr, Meta, RangeLimits, Token};

use crate::errors::Errors;
use crate::example::number;
use crate::ir::Type;

/// What to write.
const FORM: &str = "`#[range(1..)]`, `#[range(0.0..1.0)]` or another of Rust's ranges, or \
                    `#[range(> 0.0)]`, with one or two of `<`, `<=`, `>` and `>=`, as in \
                    `#[range(> 0.0, <= 1.0)]`";

/// The values that a number may have. NaN is in no range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub start: Bound<f64>,
    pub end: Bound<f64>,
}

impl Range {
    /// Where nothing is said: every number of the type, an infinite one excepted.
    pub fn of(ty: Type) -> Range {
        let (least, most) = match ty {
            Type::U32 => (0.0, f64::from(u32::MAX)),
            Type::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Type::F32 | Type::Bool => (f64::from(f32::MIN), f64::from(f32::MAX)),
        };
        Range { start: Bound::Included(least), end: Bound::Included(most) }
    }

    pub fn contains(&self, value: f64) -> bool {
        (self.start, self.end).contains(&value)
    }

    fn is_empty(&self) -> bool {
        let (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) = (self.start, self.end)
        else {
            return false;
        };
        start > end || (start == end && !self.contains(start))
    }

    /// What a number in it is, in words.
    pub fn allowed(&self, ty: Type) -> String {
        if ty.is_integer() {
            let first = match self.start {
                Bound::Excluded(start) => start + 1.0,
                Bound::Included(start) => start,
                Bound::Unbounded => f64::NEG_INFINITY,
            };
            let last = match self.end {
                Bound::Excluded(end) => end - 1.0,
                Bound::Included(end) => end,
                Bound::Unbounded => f64::INFINITY,
            };
            return format!("a whole number from {first} to {last}");
        }
        let any = Range::of(ty);
        // As it was written: an f32 in f64 has more digits.
        let start = match self.start {
            start if start == any.start => None,
            Bound::Included(start) if start.is_finite() => {
                Some(format!("at least {}", start as f32))
            }
            Bound::Excluded(start) if start.is_finite() => {
                Some(format!("more than {}", start as f32))
            }
            _ => None,
        };
        let end = match self.end {
            end if end == any.end => None,
            Bound::Included(end) if end.is_finite() => Some(format!("at most {}", end as f32)),
            Bound::Excluded(end) if end.is_finite() => Some(format!("less than {}", end as f32)),
            _ => None,
        };
        let may_be_infinite = self.contains(f64::INFINITY) || self.contains(f64::NEG_INFINITY);
        let number = if may_be_infinite { "a number" } else { "a finite number" };
        match (start, end) {
            (None, None) => number.to_owned(),
            (Some(bound), None) | (None, Some(bound)) => format!("{number}, {bound}"),
            (Some(start), Some(end)) => format!("a number, {start} and {end}"),
        }
    }
}

/// What the attribute says of a parameter of this type.
pub fn read(attribute: &Attribute, ty: Type, errors: &mut Errors) -> Range {
    let any = Range::of(ty);
    let read = match &attribute.meta {
        Meta::List(list) if !list.tokens.is_empty() => {
            (|input: ParseStream<'_>| parse(input, ty)).parse2(list.tokens.clone())
        }
        _ => Err(syn::Error::new_spanned(attribute, format!("which values? Write {FORM}"))),
    };
    match read {
        Ok(range) if range.is_empty() => {
            errors.at(attribute, "no value is in this range");
            any
        }
        Ok(range) => range,
        Err(error) => {
            errors.push(error);
            any
        }
    }
}

fn parse(input: ParseStream<'_>, ty: Type) -> syn::Result<Range> {
    if input.peek(Token![<]) || input.peek(Token![>]) {
        return comparisons(input, ty);
    }
    let written: Expr = input.parse()?;
    let Expr::Range(range) = &written else {
        return Err(syn::Error::new_spanned(written, format!("this is no range: write {FORM}")));
    };
    if !input.is_empty() {
        return Err(input.error(format!("a parameter has one range: write {FORM}")));
    }
    let any = Range::of(ty);
    let start = range.start.as_deref().map(|start| bound(start, ty)).transpose()?;
    let end = range.end.as_deref().map(|end| bound(end, ty)).transpose()?;
    Ok(Range {
        start: start.map_or(any.start, Bound::Included),
        end: match (end, range.limits) {
            (None, _) => any.end,
            (Some(end), RangeLimits::HalfOpen(_)) => Bound::Excluded(end),
            (Some(end), RangeLimits::Closed(_)) => Bound::Included(end),
        },
    })
}

/// `> a`, `< b`, or both.
fn comparisons(input: ParseStream<'_>, ty: Type) -> syn::Result<Range> {
    let mut range = Range::of(ty);
    let mut given = [false; 2];
    while !input.is_empty() {
        let included = input.peek(Token![<=]) || input.peek(Token![>=]);
        let is_start = match input.parse::<BinOp>() {
            Ok(BinOp::Gt(_) | BinOp::Ge(_)) => true,
            Ok(BinOp::Lt(_) | BinOp::Le(_)) => false,
            _ => {
                return Err(
                    input.error(format!("a bound begins with `<`, `<=`, `>` or `>=`: {FORM}"))
                );
            }
        };
        let written: Expr = input.parse()?;
        let value = bound(&written, ty)?;
        if std::mem::replace(&mut given[usize::from(is_start)], true) {
            let message = "a range has one bound on each side, and this side has one already";
            return Err(syn::Error::new_spanned(written, message));
        }
        let bound = if included { Bound::Included(value) } else { Bound::Excluded(value) };
        let side = if is_start { &mut range.start } else { &mut range.end };
        *side = bound;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
    }
    Ok(range)
}

/// A number of the type, or an infinity, which is then allowed.
fn bound(written: &Expr, ty: Type) -> syn::Result<f64> {
    let infinite = |path: &syn::ExprPath| {
        let mut names = path.path.segments.iter().map(|segment| segment.ident.to_string());
        match (names.next().as_deref(), names.next().as_deref(), names.next()) {
            (Some("f32"), Some("INFINITY"), None) => Some(f64::INFINITY),
            (Some("f32"), Some("NEG_INFINITY"), None) => Some(f64::NEG_INFINITY),
            _ => None,
        }
    };
    let value = match written {
        Expr::Path(path) if ty == Type::F32 => infinite(path),
        other => number(other, ty),
    };
    value.ok_or_else(|| {
        let kind = match ty {
            Type::F32 => "a number, as in `0.5` or `-2`, or `f32::INFINITY`",
            _ => "a whole number of the parameter's type, as in `1`",
        };
        syn::Error::new_spanned(written, format!("a bound of an `{ty}` is {kind}"))
    })
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn range(attribute: &Attribute, ty: Type) -> Range {
        let mut errors = Errors::default();
        let range = read(attribute, ty, &mut errors);
        errors.into_result().expect("a range");
        range
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let fraction = range(&parse_quote!(#[range(0.0..1.0)]), Type::F32);
        assert!(fraction.contains(0.0) && !fraction.contains(1.0) && !fraction.contains(f64::NAN));
        assert_eq!(fraction.allowed(Type::F32), "a number, at least 0 and less than 1");

        let positive = range(&parse_quote!(#[range(> 0.0)]), Type::F32);
        assert!(!positive.contains(0.0) && positive.contains(1e-30));
        assert!(!positive.contains(f64::INFINITY));
        assert_eq!(positive.allowed(Type::F32), "a finite number, more than 0");

        let share = range(&parse_quote!(#[range(> 0, <= 0.1)]), Type::F32);
        assert!(share.contains(f64::from(0.1f32)) && !share.contains(0.2));
        assert_eq!(share.allowed(Type::F32), "a number, more than 0 and at most 0.1");

        let infinite = range(&parse_quote!(#[range(0.0..=f32::INFINITY)]), Type::F32);
        assert!(infinite.contains(f64::INFINITY) && !infinite.contains(-1.0));
        assert_eq!(infinite.allowed(Type::F32), "a number, at least 0");

        let count = range(&parse_quote!(#[range(1..)]), Type::U32);
        assert!(count.contains(1.0) && !count.contains(0.0));
        assert_eq!(count.allowed(Type::U32), "a whole number from 1 to 4294967295");
        let few = range(&parse_quote!(#[range(-3..3)]), Type::I32);
        assert_eq!(few.allowed(Type::I32), "a whole number from -3 to 2");
    }

    #[test]
    fn every_number_but_the_infinite_is_allowed_where_nothing_is_said() {
        let any = Range::of(Type::F32);
        assert!(any.contains(f64::from(f32::MAX)) && !any.contains(f64::INFINITY));
        assert!(!any.contains(f64::NAN));
        assert_eq!(any.allowed(Type::F32), "a finite number");
    }
}
