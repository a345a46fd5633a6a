//! The body of a kernel, made ready for CubeCL: numbers with a point are `f32`, whole numbers that
//! are arguments `usize`, `sum += a.dot(b, block)` is one step; and which tensors are read how.

use proc_macro2::Span;
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{BinOp, Block, Expr, ExprMethodCall, Lit, LitFloat, LitInt, parse_quote};

use super::signature::Signature;
use crate::errors::Errors;

pub struct Body {
    pub block: Block,
    /// For each tensor, whether whole rows of it become tiles.
    pub loaded: Vec<bool>,
    /// For each tensor, whether it is read transposed.
    pub transposed: Vec<bool>,
}

impl Body {
    pub fn prepare(block: &Block, signature: &Signature, errors: &mut Errors) -> Body {
        let tensors = signature.tensors.len();
        let mut visitor = Visitor {
            signature,
            errors,
            loaded: vec![false; tensors],
            transposed: vec![false; tensors],
        };
        let mut block = block.clone();
        visitor.visit_block_mut(&mut block);
        Body { block, loaded: visitor.loaded, transposed: visitor.transposed }
    }
}

struct Visitor<'a> {
    signature: &'a Signature,
    errors: &'a mut Errors,
    loaded: Vec<bool>,
    transposed: Vec<bool>,
}

impl VisitMut for Visitor<'_> {
    fn visit_expr_mut(&mut self, expression: &mut Expr) {
        self.refuse(expression);
        if let Expr::Binary(binary) = expression
            && let (BinOp::AddAssign(_), Expr::MethodCall(product)) = (&binary.op, &*binary.right)
            && product.method == "dot"
        {
            let (left, receiver, arguments) = (&binary.left, &product.receiver, &product.args);
            let method = syn::Ident::new("add_dot", product.method.span());
            *expression = parse_quote!(#left.#method(&#receiver, #arguments));
        }
        visit_mut::visit_expr_mut(self, expression);
    }

    fn visit_expr_method_call_mut(&mut self, call: &mut ExprMethodCall) {
        let seen = match call.method.to_string().as_str() {
            "load" => Some(&mut self.loaded),
            "load_t" => Some(&mut self.transposed),
            _ => None,
        };
        if let (Some(seen), Expr::Path(receiver)) = (seen, &*call.receiver)
            && let Some(tensor) = receiver.path.get_ident().and_then(|n| self.signature.tensor(n))
        {
            seen[tensor] = true;
        }
        // Words of the vocabulary take numbers of columns and rows.
        for argument in &mut call.args {
            if let Expr::Lit(literal) = argument
                && let Lit::Int(number) = &mut literal.lit
                && number.suffix().is_empty()
            {
                *number = LitInt::new(&format!("{}usize", number.base10_digits()), number.span());
            }
        }
        visit_mut::visit_expr_method_call_mut(self, call);
    }

    fn visit_lit_mut(&mut self, literal: &mut Lit) {
        if let Lit::Float(number) = literal
            && number.suffix().is_empty()
        {
            *number = LitFloat::new(&format!("{}f32", number.base10_digits()), number.span());
        }
    }

    // Nothing inside a macro is looked at.
    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        if !call.path.is_ident("comptime") {
            let name = call.path.to_token_stream().to_string().replace(' ', "");
            self.errors.at(
                &*call,
                format!("`{name}!` cannot be used here: a kernel runs on the device, which has no macros"),
            );
        }
    }
}

impl Visitor<'_> {
    fn refuse(&mut self, expression: &Expr) {
        let (span, message): (Span, &str) = match expression {
            Expr::Return(e) => (
                e.return_token.span,
                "`return` cannot be used here: all units of a program reach its end together",
            ),
            Expr::Continue(e) => (
                e.continue_token.span,
                "`continue` cannot be used here: put the rest of the loop into an `if`",
            ),
            Expr::Break(e) => (
                e.break_token.span,
                "`break` cannot be used here: all units of a program take every step of a loop",
            ),
            Expr::Try(e) => {
                (e.question_token.spans[0], "`?` cannot be used here: nothing in a kernel fails")
            }
            Expr::Unsafe(e) => {
                (e.unsafe_token.span, "nothing here is `unsafe`: tensors know their edges")
            }
            Expr::Await(e) => (e.await_token.span, "a kernel does not wait: leave `.await` out"),
            _ => return,
        };
        self.errors.push(syn::Error::new(span, message));
    }
}
