//! Reading tables: `bias[at.head]`, `bias[(at.query, at.key)]`.

use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Expr, ExprIndex};

use crate::along;
use crate::call;
use crate::check::Checker;
use crate::errors::Errors;
use crate::example::Example;
use crate::given::Expected;
use crate::ir::{Function, MAX_RANK, Operand, Read, Type, Value};
use crate::literal::Checked;
use crate::signature::{Parameter, Signature};
use crate::sites;

/// What is known of a function's tables, by their places in the parameter list.
pub struct Tables {
    tables: Vec<Table>,
    /// Every read and its index, to blame later.
    reads: Vec<(Value, proc_macro2::TokenStream)>,
}

struct Table {
    name: String,
    ty: Type,
    /// With how many indices it was read first.
    rank: Option<usize>,
}

impl Tables {
    pub fn of(signature: &Signature) -> Tables {
        let tables = signature.parameters.iter().map(|Parameter { name, ty, .. }| Table {
            name: name.unraw().to_string(),
            ty: *ty,
            rank: None,
        });
        Tables { tables: tables.collect(), reads: Vec::new() }
    }

    pub fn must_be_indexed(&self, place: usize) -> String {
        let name = &self.tables[place].name;
        format!(
            "`{name}` is a table: read an element, as in `{name}[at.head]` or `{name}[(at.query, at.key)]`"
        )
    }

    /// Takes the number of dimensions of each table from a function that is read before.
    pub fn follow(&mut self, function: &Function) {
        for (place, rank) in sites::ranks(function) {
            self.tables[place].rank = Some(rank);
        }
    }

    /// What only the whole function shows.
    pub fn check(&self, signature: &Signature, function: &Function, errors: &mut Errors) {
        let read = sites::tables_read(function);
        for (place, table) in self.tables.iter().enumerate() {
            let parameter = &signature.parameters[place];
            if parameter.table && !read.contains(&place) {
                let name = &table.name;
                let message = format!(
                    "`{name}` is never read, so nobody knows its number of dimensions: index it, as \
                     in `{name}[at.head]`, or leave it out"
                );
                errors.at(&parameter.name, message);
            }
        }
        for (place, table) in self.tables.iter().enumerate() {
            for example in &signature.examples {
                let (Example::Table(dimensions), Some(rank)) = (&example[place], table.rank) else {
                    continue;
                };
                if dimensions.len() != rank {
                    let message = format!(
                        "`{}` is read with {}, and this table has {}",
                        table.name,
                        count(rank, "index", "indices"),
                        count(dimensions.len(), "dimension", "dimensions"),
                    );
                    errors.at(quote!(#(#dimensions)*), message);
                }
            }
        }
        self.check_indices(function, errors);
    }

    /// Whether each index is known before the score is.
    pub fn check_indices(&self, function: &Function, errors: &mut Errors) {
        let depends = along::changes_with_score(function);
        for (value, index) in &self.reads {
            if depends(*value) {
                let message = "an index is made of the position and the parameters, not of the \
                               score: which element a pair of query and key reads must be known \
                               before its score is";
                errors.at(index, message);
            }
        }
    }
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A learned number: the only element of its table.
pub fn learned_number(checker: &mut Checker<'_>, parameter: usize) -> Operand {
    let index = [Operand::U32(0); MAX_RANK];
    let read = Read { parameter, ty: Type::F32, rank: 0, index, site: None };
    checker.builder.read(read)
}

pub fn read(checker: &mut Checker<'_>, expression: &ExprIndex) -> Option<Checked> {
    let name = match &*expression.expr {
        Expr::Path(path) => path.path.get_ident().map(|name| name.unraw().to_string()),
        _ => None,
    };
    let Some(parameter) = name.and_then(|name| checker.table(&name)) else {
        // An unknown name, or a value that is no table.
        if let Expr::Index(inner) = &*expression.expr {
            let message = "a table is read once, with all its indices in parentheses, as in \
                           `bias[(at.query, at.key)]`";
            checker.errors.at(inner, message);
        } else if checker.expression(&expression.expr, None).is_some() {
            let message = "only a parameter of type `Table` is indexed, as in `bias[at.head]`";
            checker.errors.at(&expression.expr, message);
        }
        return None;
    };
    let given = indices(checker, &expression.index)?;
    let rank = given.len();
    let table = &mut checker.tables.tables[parameter];
    let (name, ty, known) = (table.name.clone(), table.ty, *table.rank.get_or_insert(rank));
    if !(1..=MAX_RANK).contains(&rank) {
        let message = format!("a table has 1 to {MAX_RANK} indices, and here are {rank}");
        checker.errors.at(&expression.index, message);
        return None;
    }
    if rank != known {
        let message = format!(
            "`{name}` is read with {} here and with {} before: a table has one number of dimensions",
            count(rank, "index", "indices"),
            count(known, "index", "indices")
        );
        checker.errors.at(&expression.index, message);
        return None;
    }
    let mut index = [Operand::U32(0); MAX_RANK];
    index[..rank].copy_from_slice(&given);
    let operand = checker.builder.read(Read { parameter, ty, rank, index, site: None });
    if let Operand::Value(value) = operand {
        checker.tables.reads.push((value, expression.index.to_token_stream()));
    }
    Some(Checked::Typed(operand, ty))
}

/// What stands in the brackets: one index or a tuple of them.
fn indices(checker: &mut Checker<'_>, given: &Expr) -> Option<Vec<Operand>> {
    let elements: Vec<&Expr> = match given {
        Expr::Tuple(tuple) => tuple.elems.iter().collect(),
        one => vec![one],
    };
    let mut indices = Vec::new();
    let mut whole = true;
    for element in elements {
        // A call says nothing of its type, and most indices are `u32`.
        let expected = Expected::of(call::is_open(element).then_some(Type::U32));
        let leaves = checker.value(element, &expected).map(|given| given.leaves());
        whole &= leaves.is_some();
        for leaf in leaves.into_iter().flatten() {
            let operand = index(checker, leaf, element);
            whole &= operand.is_some();
            indices.extend(operand);
        }
    }
    whole.then_some(indices)
}

fn index(checker: &mut Checker<'_>, value: Checked, index: &Expr) -> Option<Operand> {
    match value {
        Checked::Typed(operand, ty) if ty.is_integer() => Some(operand),
        Checked::Typed(_, ty) => {
            let hint = if ty == Type::F32 { ": cast it, as in `a as u32`" } else { "" };
            checker.errors.at(index, format!("an index is `u32` or `i32`, not `{ty}`{hint}"));
            None
        }
        number => checker.expect(number, Type::U32, index, "an index").map(|(operand, _)| operand),
    }
}
