//! Several tables of one device as one.

use anyhow::{Context as _, Result, bail};
use tilewright::table::Table;

/// All entries of some tables that were measured on one device with the same kernels. A problem that
/// several have is taken from the one that was measured with most effort, of those from the newest.
///
/// # Errors
///
/// No tables, or tables of different devices, kernels or versions.
pub fn merged(tables: Vec<Table>) -> Result<Table> {
    let first = tables.first().context("no tables")?.clone();
    for table in &tables[1..] {
        let pairs = [
            ("devices", first.device.name.clone(), table.device.name.clone()),
            ("kernels", first.kernels.clone(), table.kernels.clone()),
            ("versions", first.library.clone(), table.library.clone()),
            (
                "drivers, compilers or limits of the device",
                format!("{:?}", first.device),
                format!("{:?}", table.device),
            ),
        ];
        if let Some((what, a, b)) = pairs.into_iter().find(|(_, a, b)| a != b) {
            bail!("the tables have different {what}: {a} and {b}");
        }
    }
    let mut ordered = tables;
    // Later ones replace earlier ones.
    ordered.sort_by(|a, b| a.effort.cmp(&b.effort).then_with(|| a.date.cmp(&b.date)));
    // A whole is as good as its worst part.
    let mut whole = Table { entries: Vec::new(), drift: None, effort: ordered[0].effort, ..first };
    for table in ordered {
        if table.date > whole.date {
            whole.date.clone_from(&table.date);
        }
        whole.drift = [whole.drift, table.drift].into_iter().flatten().reduce(f64::max);
        table.entries.into_iter().for_each(|entry| whole.insert(entry));
    }
    Ok(whole)
}
