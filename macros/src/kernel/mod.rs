//! `#[kernel]`: a whole tile program.
//!
//! `signature` reads the parameters, `arguments` the attribute, `body` prepares the body for
//! CubeCL, and `emit` writes the device function, the host function, the type of its tunings and
//! the registry entry.

mod arguments;
mod body;
mod emit;
mod example;
mod plain;
mod signature;

use proc_macro2::TokenStream;
use syn::ItemFn;

use crate::emit::variant_name;
use crate::errors::Errors;

use arguments::Arguments;
use body::Body;
use signature::Signature;

pub fn expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let function: ItemFn = syn::parse2(item).map_err(|error| {
        let message = format!("`#[kernel]` stands on a function with a body: {error}");
        syn::Error::new(error.span(), message)
    })?;
    let mut errors = Errors::default();
    plain::check(&function, &mut errors);
    let name = &function.sig.ident;
    if variant_name(name) == *name {
        errors.at(
            name,
            "a kernel's name is in snake case, as in `fused_softmax`: the type of its tunings is \
             called `FusedSoftmaxTune`",
        );
    }
    let signature = Signature::parse(&function, &mut errors);
    let arguments = Arguments::parse(attribute, &signature, &mut errors);
    let body = Body::prepare(&function.block, &signature, &mut errors);
    errors.into_result()?;
    Ok(emit::items(&function, &signature, &arguments, &body))
}
