//! What tables and learned parameters add to the items of a function.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;

use super::device::Device;
use super::host::Host;
use super::{Text, body, rows, steps};
use crate::along::Along;
use crate::differentiate::differentiate;
use crate::example::Example;
use crate::ir::{Function, Input, Operand, Type};
use crate::kind::Kind;
use crate::signature::{Parameter, Signature};
use crate::sites::{Dimension, Reads, Site, Sites};

fn element(parameter: &Parameter) -> TokenStream {
    format_ident!("{}", parameter.ty.name()).to_token_stream()
}

pub fn field_type(parameter: &Parameter) -> TokenStream {
    let element = element(parameter);
    match (parameter.table, parameter.learned) {
        (true, _) => quote!(::tilewright::language::Table<#element>),
        (false, true) => quote!(::tilewright::language::Learned),
        (false, false) => element,
    }
}

/// What the constructor takes: a learned number is given as one, or as a table.
pub fn argument_type(parameter: &Parameter) -> TokenStream {
    let field = field_type(parameter);
    match (parameter.table, parameter.learned) {
        (false, true) => quote!(impl ::core::convert::Into<#field>),
        _ => field,
    }
}

pub fn field_value(parameter: &Parameter) -> TokenStream {
    let name = &parameter.name;
    match (parameter.table, parameter.learned) {
        (false, true) => quote!(#name: ::core::convert::Into::into(#name)),
        _ => quote!(#name),
    }
}

pub fn device_type(parameter: &Parameter) -> TokenStream {
    let element = element(parameter);
    match parameter.in_memory() {
        true => quote!(::tilewright::language::DeviceTable<#element>),
        false => element,
    }
}

pub fn launch_argument(parameter: &Parameter) -> TokenStream {
    let name = &parameter.name;
    match parameter.in_memory() {
        true => quote!(self.#name.launch(target)),
        false => quote!(self.#name),
    }
}

pub fn kind(parameter: &Parameter) -> TokenStream {
    let element = format_ident!("{}", parameter.ty.name().to_uppercase());
    let table = if parameter.table { "Table" } else { "" };
    let kind = match (table, parameter.ty) {
        ("", _) => element,
        (_, Type::F32) => format_ident!("Table"),
        (_, Type::U32) => format_ident!("TableU32"),
        _ => format_ident!("TableI32"),
    };
    quote!(::tilewright::language::ParamKind::#kind)
}

pub fn example(example: &Example) -> TokenStream {
    match example {
        Example::Number(value) => {
            let magnitude = Literal::f64_suffixed(value.abs());
            let sign = (*value < 0.0).then(|| quote!(-));
            quote!(::tilewright::language::Example::Number(#sign #magnitude))
        }
        Example::Fitting => quote!(::tilewright::language::Example::Fitting),
        Example::Table(dimensions) => quote! {
            ::tilewright::language::Example::Table(
                |sizes: &::tilewright::language::ExampleSizes| {
                    #[allow(unused_variables)]
                    let [batch, heads, queries, keys, head_dim, value_dim] = sizes.each();
                    // A difference may be negative at some sizes.
                    ::std::vec![#(::core::cmp::max(#dimensions, 1i64) as usize),*]
                }
            )
        },
    }
}

/// A parameter from the registry's list of values.
pub fn registered_value(place: usize, parameter: &Parameter) -> TokenStream {
    let element = element(parameter);
    match (parameter.table, parameter.learned) {
        (true, _) => quote!(values[#place].table::<#element>()),
        (false, true) => quote!(::core::convert::Into::into(values[#place].number() as f32)),
        (false, false) => quote!(values[#place].number() as #element),
    }
}

/// The device's index and derivative of every site.
pub fn device_learned(
    text: &Device<'_>,
    function: &Function,
    sites: &Sites,
    params: &TokenStream,
    kind: Kind,
) -> TokenStream {
    let choose = |bodies: Vec<TokenStream>, nothing: TokenStream| {
        bodies.into_iter().enumerate().rev().fold(nothing, |otherwise, (number, body)| {
            quote!(if comptime!(site == #number) { #body } else { #otherwise })
        })
    };
    let indices = sites.learned.iter().map(|site| index(text, site)).collect();
    let index = choose(indices, quote!(u32::new(0i64)));
    let gradients = (0..sites.learned.len())
        .map(|site| body(text, &differentiate(function, &[Input::Site(site)])))
        .collect();
    let gradient = choose(gradients, quote!(f32::new(0.0f32)));
    let count = sites.learned.len();
    let features = kind.is_of_rows().then(rows::features);
    let stage = (!kind.is_of_rows())
        .then(|| quote!(#[comptime] stage: ::tilewright::language::LearnedStage,));
    quote! {
        const LEARNED_SITES: usize = #count;

        fn learned_index(at: Position, params: &#params, #[comptime] site: usize) -> u32 {
            #index
        }

        fn learned_grad(
            subject: f32,
            #features
            at: Position,
            params: &#params,
            #[comptime] site: usize,
            #stage
        ) -> f32 {
            #gradient
        }
    }
}

/// The number of the element that a site reads.
fn index(text: &dyn Text, site: &Site) -> TokenStream {
    let (steps, results) = steps(text, &site.index);
    let types: Vec<Type> =
        site.index.body.results.iter().map(|&index| site.index.type_of(index)).collect();
    let place = text.place(site.parameter, &results, &types);
    quote!(#steps #place)
}

/// The host's account of tables and learned parameters; nothing where there is none.
pub fn host_methods(
    text: &Host<'_>,
    signature: &Signature,
    function: &Function,
    sites: &Sites,
) -> TokenStream {
    let parameters = &signature.parameters;
    let in_memory: Vec<usize> =
        (0..parameters.len()).filter(|&place| parameters[place].in_memory()).collect();
    if in_memory.is_empty() {
        return TokenStream::new();
    }
    let variant = signature.name.unraw().to_string();
    // What is read whatever becomes of the score.
    let in_mask = matches!(signature.kind, Kind::Mask | Kind::Sink) || signature.kind.is_of_rows();
    let tables = in_memory.iter().map(|&place| {
        let parameter = &parameters[place];
        let (name, text) = (&parameter.name, parameter.name.unraw().to_string());
        let (rank, decides) = sites.rank_and_deciding(place);
        quote!(self.#name.param(#variant, #text, #rank, #in_mask, #decides))
    });
    let reads = sites.reads.iter().map(|found| reads(text, found, &in_memory));
    let plain = parameters.iter().filter(|parameter| !parameter.in_memory());
    let plain: Vec<&Ident> = plain.map(|parameter| &parameter.name).collect();
    let format = vec!["{}"; plain.len()].join(", ");
    let learned = learned(text, signature, function, sites);
    quote! {
        fn tables(&self) -> ::std::vec::Vec<::tilewright::language::TableParam<'_>> {
            ::std::vec![#(#tables),*]
        }

        fn reads_by(&self) -> ::std::string::String {
            ::std::format!(#format, #(self.#plain),*)
        }

        fn reads(
            &self,
            at: &::tilewright::language::Position,
            visit: &mut dyn ::core::ops::FnMut(::tilewright::language::TableRead),
        ) {
            #({ #reads })*
        }

        #learned
    }
}

fn reads(text: &Host<'_>, reads: &Reads, in_memory: &[usize]) -> TokenStream {
    let (steps, results) = steps(text, &reads.function);
    let visits = reads.places.iter().map(|place| {
        let table = in_memory.iter().position(|&known| known == place.parameter);
        let table = table.expect("a table that is read is in memory");
        let guard = &results[place.first];
        let indices = &results[place.first + 1..][..place.rank];
        let unread = (place.rank..crate::ir::MAX_RANK).map(|_| quote!(0));
        let visit = quote! {
            visit(::tilewright::language::TableRead {
                table: #table,
                index: [#(i64::from(#indices),)* #(#unread,)*],
            });
        };
        match reads.function.body.results[place.first] {
            Operand::Bool(true) => visit,
            _ => quote!(if #guard { #visit }),
        }
    });
    quote!(#steps #(#visits)*)
}

/// What the host knows of learned parameters: shapes and sites, indices and derivatives.
fn learned(
    text: &Host<'_>,
    signature: &Signature,
    function: &Function,
    sites: &Sites,
) -> TokenStream {
    let variant = signature.name.unraw().to_string();
    let stage = match signature.kind {
        Kind::Weight => format_ident!("Weight"),
        Kind::Sink => format_ident!("Sink"),
        kind if kind.is_of_rows() => format_ident!("Rows"),
        _ => format_ident!("Score"),
    };
    let of_rows = signature.kind.is_of_rows();
    let learned = signature.parameters.iter().enumerate().filter(|(_, p)| p.learned);
    let params = learned.map(|(place, parameter)| {
        let (name, text) = (&parameter.name, parameter.name.unraw().to_string());
        let own = sites.learned.iter().enumerate().filter(|(_, site)| site.parameter == place);
        let own = own.map(|(number, site)| {
            let dimensions = site.dimensions.iter().map(dimension);
            quote! {
                ::tilewright::language::LearnedSite::new(
                    #number,
                    ::tilewright::language::LearnedStage::#stage,
                    self.#name.shape(),
                    ::std::vec![#(#dimensions),*],
                )
            }
        });
        quote! {
            ::tilewright::language::LearnedParam {
                variant: #variant,
                name: #text,
                table: self.#name.id(),
                shape: self.#name.shape().to_vec(),
                of_rows: #of_rows,
                sites: ::std::vec![#(#own),*],
            }
        }
    });
    let changed = match of_rows {
        true => {
            let row = rows::row();
            quote!(#row: [f64; 4])
        }
        false => quote!(subject: f64),
    };
    let stage_argument = (!of_rows).then(|| quote!(stage: ::tilewright::language::LearnedStage,));
    let numbers: Vec<usize> = (0..sites.learned.len()).collect();
    let indices = sites.learned.iter().map(|site| index(text, site));
    let gradients =
        numbers.iter().map(|&site| body(text, &differentiate(function, &[Input::Site(site)])));
    quote! {
        fn learned(&self) -> ::std::vec::Vec<::tilewright::language::LearnedParam> {
            ::std::vec![#(#params),*]
        }

        fn learned_index(&self, at: &::tilewright::language::Position, site: usize) -> usize {
            match site {
                #(#numbers => { #indices })*
                _ => 0,
            }
        }

        fn learned_grad(
            &self,
            #changed,
            at: &::tilewright::language::Position,
            site: usize,
            #stage_argument
        ) -> f64 {
            match site {
                #(#numbers => { #gradients })*
                _ => 0.0,
            }
        }
    }
}

fn dimension(dimension: &Dimension) -> TokenStream {
    let Along { batch, head, query, key, .. } = dimension.along;
    let coordinate = match dimension.exactly {
        Some("batch") => Some(quote!(Batch)),
        Some("head") => Some(quote!(Head)),
        Some("query") => Some(quote!(Query)),
        Some("key") => Some(quote!(Key)),
        _ => None,
    };
    let exactly = match coordinate {
        Some(name) => quote! {
            ::core::option::Option::Some(::tilewright::language::Coordinate::#name)
        },
        None => quote!(::core::option::Option::None),
    };
    quote! {
        ::tilewright::language::SiteDimension {
            along: ::tilewright::language::Along {
                batch: #batch,
                head: #head,
                query: #query,
                key: #key,
            },
            exactly: #exactly,
        }
    }
}
