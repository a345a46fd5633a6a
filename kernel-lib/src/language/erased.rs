//! Forgetting the type of a variant, or of a stage.

/// Writes, for one list of methods: a private trait with them, which every type of the public trait
/// has, and the methods of the type that holds it. `launched` are functions of the crate that take
/// the typed one first.
macro_rules! erased {
    (
        $any:ident holds $erased:ident of $public:ident {
            $(
                $(#[$doc:meta])*
                fn $name:ident($($arg:ident: $arg_type:ty),*) $(-> $result:ty)?;
            )*
        }
        launched {
            $( fn $launch:ident($($with:ident: $with_type:ty),*) = $function:path; )*
        }
    ) => {
        trait $erased: Send + Sync {
            $( fn $name(&self, $($arg: $arg_type),*) $(-> $result)?; )*
            $( fn $launch(&self, $($with: $with_type),*); )*
        }

        impl<T: $public> $erased for T {
            $(
                fn $name(&self, $($arg: $arg_type),*) $(-> $result)? {
                    $public::$name(self, $($arg),*)
                }
            )*
            $(
                fn $launch(&self, $($with: $with_type),*) {
                    $function(self, $($with),*);
                }
            )*
        }

        impl $any {
            $(
                #[doc = concat!("See [`", stringify!($public), "::", stringify!($name), "`].")]
                $(#[$doc])*
                pub fn $name(&self, $($arg: $arg_type),*) $(-> $result)? {
                    self.0.$name($($arg),*)
                }
            )*
            $(
                pub(crate) fn $launch(&self, $($with: $with_type),*) {
                    self.0.$launch($($with),*);
                }
            )*
        }

        impl core::fmt::Debug for $any {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.describe())
            }
        }
    };
}

pub(super) use erased;
