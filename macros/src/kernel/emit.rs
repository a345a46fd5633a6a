//! The items that stand in the place of a function under `#[kernel]`.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use syn::ItemFn;
use syn::ext::IdentExt;

use super::arguments::{Arguments, Program};
use super::body::Body;
use super::signature::{Place, Role, ScalarKind, Signature, Tensor};
use crate::emit::{doc_text, source_hash, variant_name};

/// The type of tunings, the host function, and what only they need: the device function, the
/// launch, the kernel's description and its registry entry.
pub fn items(
    function: &ItemFn,
    signature: &Signature,
    arguments: &Arguments,
    body: &Body,
) -> TokenStream {
    let name = &function.sig.ident;
    let tune_type = format_ident!("{}Tune", variant_name(name));
    let lints: Vec<_> = function.attrs.iter().filter(|a| !a.path().is_ident("doc")).collect();
    let tune = tune_struct(function, signature, &tune_type);
    let host = host_function(function, signature, &tune_type);
    let device = device_module(function, signature, body);
    let queue = queue_function(name, signature);
    let kernel = description(function, signature, arguments, body, &tune_type);
    quote! {
        #(#lints)*
        #tune

        #(#lints)*
        #host

        #(#lints)*
        const _: () = {
            #device

            #queue

            static KERNEL: ::tilewright::program::Kernel = #kernel;

            ::tilewright::__private::inventory::submit! {
                ::tilewright::program::expansion::Registered(&KERNEL)
            }

            impl #tune_type {
                /// The kernel's description.
                pub fn kernel() -> &'static ::tilewright::program::Kernel {
                    &KERNEL
                }
            }
        };
    }
}

fn tune_struct(function: &ItemFn, signature: &Signature, tune_type: &Ident) -> TokenStream {
    let visibility = &function.vis;
    let names: Vec<&Ident> = signature.tune.iter().map(|tune| &tune.name).collect();
    let docs = signature.tune.iter().map(|tune| {
        let what = match tune.role {
            Role::Rows => "Rows that a unit owns",
            Role::Units => "Units of a program",
            Role::Split => "Units that share a row",
            Role::Value => "A value of the kernel's own",
        };
        let values: Vec<String> = tune.values.iter().map(usize::to_string).collect();
        format!("{what}: {}.", values.join(", "))
    });
    let places = 0..signature.tune.len();
    let title = format!("A tuning of [`{0}`](fn@{0}).", function.sig.ident.unraw());
    quote! {
        #[doc = #title]
        #[derive(
            ::core::clone::Clone,
            ::core::marker::Copy,
            ::core::fmt::Debug,
            ::core::cmp::PartialEq,
            ::core::cmp::Eq,
            ::core::hash::Hash,
        )]
        #visibility struct #tune_type { #(#[doc = #docs] pub #names: usize,)* }

        impl #tune_type {
            /// Every tuning, the preferred values first.
            pub fn space() -> impl ::core::iter::Iterator<Item = Self> {
                Self::kernel().space().into_iter().map(|tuning| Self::from(&tuning))
            }
        }

        impl ::core::convert::From<#tune_type> for ::tilewright::program::Tuning {
            fn from(tune: #tune_type) -> Self {
                Self::new(#tune_type::kernel().tune, ::std::vec![#(tune.#names),*])
            }
        }

        impl ::core::convert::From<&::tilewright::program::Tuning> for #tune_type {
            fn from(tuning: &::tilewright::program::Tuning) -> Self {
                let values = tuning.values();
                Self { #(#names: values[#places]),* }
            }
        }
    }
}

fn host_function(function: &ItemFn, signature: &Signature, tune_type: &Ident) -> TokenStream {
    let (name, visibility) = (&function.sig.ident, &function.vis);
    let docs = function.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let parameters = signature.order.iter().filter_map(|place| match *place {
        Place::Tensor(tensor) => {
            let name = &signature.tensors[tensor].name;
            Some(quote!(#name: &::tilewright::Strided))
        }
        Place::Scalar(scalar) => {
            let scalar = &signature.scalars[scalar];
            let (name, ty) = (&scalar.name, scalar_type(scalar.kind));
            Some(quote!(#name: #ty))
        }
        Place::Tune(_) => None,
    });
    let tensors = signature.tensors.iter().map(|tensor| &tensor.name);
    let scalars = signature.scalars.iter().map(|scalar| &scalar.name);
    quote! {
        #(#docs)*
        ///
        /// Queues the kernel and returns; without a tuning, one is chosen for the device.
        ///
        /// # Errors
        ///
        /// Arguments that do not fit the kernel or one another, or a tuning that cannot run.
        #[allow(clippy::too_many_arguments)]
        #visibility fn #name(
            client: &::tilewright::__private::cubecl::client::Client,
            #(#parameters,)*
            tune: ::core::option::Option<#tune_type>,
        ) -> ::core::result::Result<(), ::tilewright::program::KernelError> {
            #tune_type::kernel().launch(
                client,
                &[#(#tensors),*],
                &[#(::core::convert::From::from(#scalars)),*],
                tune.map(::tilewright::program::Tuning::from).as_ref(),
            )
        }
    }
}

fn scalar_type(kind: ScalarKind) -> TokenStream {
    match kind {
        ScalarKind::F32 => quote!(f32),
        ScalarKind::U32 => quote!(u32),
    }
}

fn width_name(place: usize) -> Ident {
    format_ident!("__W{place}")
}

/// The device function, in a module of its own: `#[cube]` needs CubeCL's traits in scope and names
/// it as `cubecl`.
fn device_module(function: &ItemFn, signature: &Signature, body: &Body) -> TokenStream {
    let name = &function.sig.ident;
    let widths = (0..signature.tensors.len()).map(width_name);
    let open = signature.tensors.iter().any(|tensor| !tensor.single);
    let (element, define) = match open {
        true => {
            (Some(quote!(__E: Float,)), Some(quote!(#[define(__E)] __dtype: cubecl::ir::ElemType,)))
        }
        false => (None, None),
    };
    let tensor = |place: usize, tensor: &Tensor| {
        let (name, width) = (&tensor.name, width_name(place));
        let element = if tensor.single { quote!(f32) } else { quote!(__E) };
        let reference = if tensor.written { quote!(&mut) } else { quote!(&) };
        quote!(#name: #reference __expansion::Tensor<#element, #width>)
    };
    let tensors = signature.tensors.iter().enumerate().map(|(place, t)| tensor(place, t));
    let scalars = signature.scalars.iter().map(|scalar| {
        let (name, ty) = (&scalar.name, scalar_type(scalar.kind));
        quote!(#name: #ty)
    });
    let values = signature.tune.iter().filter(|tune| tune.role == Role::Value);
    let values = values.map(|tune| &tune.name);
    let rows = signature.tune.iter().find(|tune| tune.role == Role::Rows).map(|tune| &tune.name);
    let block = &body.block;
    quote! {
        #[allow(unused, missing_docs, clippy::all)]
        mod device {
            use super::*;
            use ::tilewright::__private::cubecl;
            use ::tilewright::program::expansion as __expansion;
            use cubecl::prelude::*;

            #[cubecl::cube(launch_unchecked, create_dummy_kernel, address_type = "dynamic")]
            pub fn #name<#element __R: Size, #(#widths: Size),*>(
                #(#tensors,)*
                #(#scalars,)*
                __grid: __expansion::Grid,
                #[comptime] __geometry: __expansion::Geometry,
                #(#[comptime] #values: usize,)*
                #define
            ) {
                let mut __program = __grid.first(__geometry);
                while __program < __grid.programs {
                    let #rows = __grid.rows::<__R>(__program, __geometry);
                    #block
                    __program += __grid.step(__geometry);
                }
            }
        }
    }
}

/// Hands a checked call to the device, or its kernel to a recorder.
fn queue_function(name: &Ident, signature: &Signature) -> TokenStream {
    let tensors = 0..signature.tensors.len();
    let widths = 0..signature.tensors.len();
    let scalars = signature.scalars.iter().enumerate().map(|(place, scalar)| {
        let read = scalar_type(scalar.kind);
        quote!(call.#read(#place))
    });
    let values = signature.tune.iter().enumerate().filter(|(_, tune)| tune.role == Role::Value);
    let values = values.map(|(place, _)| place);
    let open = signature.tensors.iter().any(|tensor| !tensor.single);
    let element = open.then(|| quote!(call.elem(),));
    let arguments = quote! {
        call.cubes(),
        call.cube_dim(),
        call.address_type(),
        call.rows(),
        #(call.width(#widths),)*
        #(call.tensor(#tensors),)*
        #(#scalars,)*
        call.grid(),
        call.geometry(),
        #(call.tune(#values),)*
        #element
    };
    let text = name.unraw().to_string();
    quote! {
        #[allow(unsafe_code)]
        fn queue(call: &::tilewright::program::expansion::Call<'_>) {
            use ::tilewright::program::expansion::Target;
            match call.target() {
                // SAFETY: a tensor clamps what it reads to its rows and leaves out what it would
                // write beyond them; loops end with the programs and with rows.
                Target::Device(client) => unsafe {
                    device::#name::launch_unchecked(client, #arguments)
                },
                Target::Source(recorder) => recorder.record(
                    #text,
                    call.cube_dim(),
                    &device::#name::create_dummy_kernel(
                        recorder.device_properties(),
                        recorder.target_properties(),
                        #arguments
                    ),
                ),
            }
        }
    }
}

/// The `Kernel` of the registry.
fn description(
    function: &ItemFn,
    signature: &Signature,
    arguments: &Arguments,
    body: &Body,
    tune_type: &Ident,
) -> TokenStream {
    let name = function.sig.ident.unraw().to_string();
    let docs: Vec<_> =
        function.attrs.iter().filter(|a| a.path().is_ident("doc")).cloned().collect();
    let doc = doc_text(&docs);
    let hash = Literal::u64_suffixed(source_hash("kernel", function, None));
    let tensors = signature.tensors.iter().enumerate().map(|(place, tensor)| {
        let Tensor { name, shape, written, single } = tensor;
        let name = name.unraw().to_string();
        let (loaded, transposed) = (body.loaded[place], body.transposed[place]);
        let dtype = match single {
            true => quote!(::core::option::Option::Some(::tilewright::DType::F32)),
            false => quote!(::core::option::Option::None),
        };
        quote! {
            ::tilewright::program::TensorParam {
                name: #name,
                shape: [#(#shape),*],
                written: #written,
                dtype: #dtype,
                loaded: #loaded,
                transposed: #transposed,
            }
        }
    });
    let scalars = signature.scalars.iter().map(|scalar| {
        let name = scalar.name.unraw().to_string();
        let kind = match scalar.kind {
            ScalarKind::F32 => quote!(F32),
            ScalarKind::U32 => quote!(U32),
        };
        quote! {
            ::tilewright::program::ScalarParam {
                name: #name,
                kind: ::tilewright::program::ScalarKind::#kind,
            }
        }
    });
    let tune = signature.tune.iter().map(|tune| {
        let name = tune.name.unraw().to_string();
        let role = format_ident!("{}", format!("{:?}", tune.role));
        let values = &tune.values;
        quote! {
            ::tilewright::program::TuneParam {
                name: #name,
                role: ::tilewright::program::Role::#role,
                values: &[#(#values),*],
            }
        }
    });
    let program = match arguments.program {
        Program::Rows(tensor) => quote!(Rows(#tensor)),
        Program::Heads(tensor) => quote!(Heads(#tensor)),
    };
    let examples = arguments.examples.iter().map(|example| {
        let sizes = example.sizes.iter().map(|(name, size)| quote!((#name, #size)));
        let scalars = example.scalars.iter().map(|&value| match value < 0.0 {
            true => {
                let magnitude = Literal::f64_suffixed(-value);
                quote!(-#magnitude)
            }
            false => {
                let value = Literal::f64_suffixed(value);
                quote!(#value)
            }
        });
        quote! {
            ::tilewright::program::Example { sizes: &[#(#sizes),*], scalars: &[#(#scalars),*] }
        }
    });
    let reference = reference(signature, arguments);
    let valid = match &arguments.valid {
        None => quote!(::core::option::Option::None),
        Some(path) => {
            let text = quote!(#path).to_string().replace(' ', "");
            quote! {
                ::core::option::Option::Some((#text, |tuning, sizes, device| {
                    #path(&#tune_type::from(tuning), sizes, device)
                }))
            }
        }
    };
    quote! {
        ::tilewright::program::Kernel {
            name: #name,
            module: ::core::module_path!(),
            doc: #doc,
            source_hash: #hash,
            tensors: &[#(#tensors),*],
            scalars: &[#(#scalars),*],
            tune: &[#(#tune),*],
            program: ::tilewright::program::Program::#program,
            examples: &[#(#examples),*],
            reference: #reference,
            valid: #valid,
            queue,
        }
    }
}

/// Calls the author's reference with the inputs and scalars in the order of the function.
fn reference(signature: &Signature, arguments: &Arguments) -> TokenStream {
    let Some(path) = &arguments.reference else { return quote!(::core::option::Option::None) };
    let mut inputs = 0usize;
    let values: Vec<TokenStream> = signature
        .order
        .iter()
        .filter_map(|place| match *place {
            Place::Tensor(tensor) if !signature.tensors[tensor].written => {
                let place = inputs;
                inputs += 1;
                Some(quote!(&inputs[#place]))
            }
            Place::Scalar(scalar) => Some(quote!(scalars[#scalar])),
            Place::Tensor(_) | Place::Tune(_) => None,
        })
        .collect();
    let outputs = signature.tensors.iter().filter(|tensor| tensor.written).count();
    let outputs = match outputs {
        1 => quote!(::std::vec![#path(#(#values),*)]),
        many => quote! {
            {
                let outputs: [::tilewright::reference::HostTensor; #many] = #path(#(#values),*);
                ::std::vec::Vec::from(outputs)
            }
        },
    };
    quote!(::core::option::Option::Some(|inputs, scalars| #outputs))
}
