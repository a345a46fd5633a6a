//! What a function of the language cannot say, and what to say instead.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{BinOp, Expr};

/// Whether the expression is of a kind that the language does not have at all.
pub fn is_refused(expression: &Expr) -> bool {
    !matches!(
        expression,
        Expr::Paren(_)
            | Expr::Group(_)
            | Expr::Lit(_)
            | Expr::Path(_)
            | Expr::Block(_)
            | Expr::If(_)
            | Expr::Match(_)
            | Expr::Return(_)
            | Expr::Tuple(_)
            | Expr::Call(_)
            | Expr::Unary(_)
            | Expr::Cast(_)
            | Expr::Field(_)
            | Expr::MethodCall(_)
            | Expr::Index(_)
    ) && !matches!(expression, Expr::Binary(binary) if !is_assignment(&binary.op))
}

pub fn expression(expression: &Expr) -> syn::Error {
    let (tokens, message) = match expression {
        Expr::ForLoop(e) => (e.for_token.to_token_stream(), LOOP.to_owned()),
        Expr::While(e) => (e.while_token.to_token_stream(), LOOP.to_owned()),
        Expr::Loop(e) => (e.loop_token.to_token_stream(), LOOP.to_owned()),
        Expr::Break(e) => (e.break_token.to_token_stream(), LOOP.to_owned()),
        Expr::Continue(e) => (e.continue_token.to_token_stream(), LOOP.to_owned()),
        Expr::Closure(e) => {
            let message = "closures cannot be used here: bind values with `let`, or write a function \
                           marked `#[score_fn]`";
            (e.to_token_stream(), message.to_owned())
        }
        Expr::Macro(e) => return macro_call(&e.mac),
        Expr::Assign(e) => (e.to_token_stream(), ASSIGNMENT.to_owned()),
        Expr::Binary(e) => return operator(&e.op),
        Expr::Let(e) => (e.to_token_stream(), "a condition is a `bool`, as in `a < b`".to_owned()),
        Expr::Unsafe(e) => {
            (e.unsafe_token.to_token_stream(), "nothing here is `unsafe`: leave it out".to_owned())
        }
        Expr::Reference(e) => {
            (e.to_token_stream(), "there are no references here: leave `&` out".to_owned())
        }
        Expr::Return(e) => (e.return_token.to_token_stream(), RETURN.to_owned()),
        Expr::Array(e) => (e.to_token_stream(), ARRAY.to_owned()),
        Expr::Repeat(e) => (e.to_token_stream(), ARRAY.to_owned()),
        Expr::Range(e) => (
            e.to_token_stream(),
            "a range stands in a pattern of `match`, as in `1..=3 => a`, and nowhere else: compare, \
             as in `a >= 1 && a <= 3`"
                .to_owned(),
        ),
        Expr::Struct(e) => {
            (e.to_token_stream(), "there are no structs here: use a tuple, as in `(a, b)`".to_owned())
        }
        Expr::Try(e) => (
            e.question_token.to_token_stream(),
            "`?` cannot be used here: every value is a number or a truth; leave it out".to_owned(),
        ),
        Expr::Tuple(e) => (e.to_token_stream(), "`()` is no value: write a number".to_owned()),
        Expr::Block(e) => (
            e.to_token_stream(),
            "a block here has no label and no attribute: write `{ let a = b; a }`".to_owned(),
        ),
        other => (other.to_token_stream(), OTHER.to_owned()),
    };
    syn::Error::new_spanned(tokens, message)
}

/// A `return` where it cannot stand.
pub const RETURN: &str = "`return` stands in a statement of its own or in a `let`, not inside of a \
                          computation: bind the value first, as in `let a = if b { return c; } \
                          else { d };`";

const ARRAY: &str = "there are no arrays here: bind the values one by one, or as a tuple `(a, b)`";

const OTHER: &str = "this cannot be used here: a function of this language has `let`, `if`, `match`, \
                     `return`, tuples, arithmetic, comparisons, casts, methods of numbers and calls \
                     of functions marked `#[score_fn]`";

const LOOP: &str = "loops cannot be used here: a function of this language is one expression for one \
                    pair of query and key; write the steps out, or into a function marked \
                    `#[score_fn]`";

const ASSIGNMENT: &str =
    "names do not change here: bind the new value again, as in `let a = a + 1.0;`";

pub fn macro_call(call: &syn::Macro) -> syn::Error {
    let name = call.path.to_token_stream().to_string().replace(' ', "");
    let message = format!(
        "`{name}!` cannot be used here: the function also runs on the device, which has no macros"
    );
    syn::Error::new_spanned(call, message)
}

fn is_assignment(op: &BinOp) -> bool {
    matches!(
        op,
        BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::RemAssign(_)
            | BinOp::BitXorAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::ShlAssign(_)
            | BinOp::ShrAssign(_)
    )
}

pub fn operator(op: &BinOp) -> syn::Error {
    if is_assignment(op) {
        return syn::Error::new_spanned(op, ASSIGNMENT);
    }
    let symbol: TokenStream = op.to_token_stream();
    let message = format!("`{symbol}` cannot be used here");
    syn::Error::new_spanned(op, message)
}
