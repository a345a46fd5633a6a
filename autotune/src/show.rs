//! A table in a form to read.

use std::fmt::Write as _;

use tilewright::table::Table;

/// Head and entries of a table, as text for a terminal.
pub fn show(table: &Table) -> String {
    let mut text = String::new();
    let device = &table.device;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "device   {} ({} units)", device.name, device.units);
    let _ = writeln!(text, "measured {} with version {}", table.date, table.library);
    let _ = writeln!(text, "command  {}", table.command);
    let state = match table.is_current() {
        true => "those of this build",
        false => "not those of this build: its plans still run, but may not be the fastest",
    };
    let _ = writeln!(text, "kernels  {} ({state})", table.kernels);
    let problems: Vec<String> = table.entries.iter().map(|e| e.problem.to_string()).collect();
    let widest = |texts: &[String], least: usize| {
        texts.iter().map(|t| t.chars().count()).max().unwrap_or(0).max(least)
    };
    let plans: Vec<String> = table.entries.iter().map(|e| e.plan.to_string()).collect();
    let (a, b) = (widest(&problems, 7), widest(&plans, 4));
    let _ = writeln!(
        text,
        "\n{:a$}  {:b$}  {:>10}  {:>9}  {:>8}  {:>5}",
        "problem", "plan", "us", "of floor", "runner-up", "plans"
    );
    for ((entry, problem), plan) in table.entries.iter().zip(problems).zip(plans) {
        let floor = entry.floor_fraction.map_or("-".to_owned(), |f| format!("{:.1}%", 100.0 * f));
        let next = entry.runner_up.map_or("-".to_owned(), |r| {
            format!("+{:.1}%", 100.0 * (r.nanoseconds / entry.nanoseconds - 1.0))
        });
        let _ = writeln!(
            text,
            "{problem:a$}  {plan:b$}  {:>10.2}  {floor:>9}  {next:>9}  {:>5}",
            entry.nanoseconds / 1e3,
            entry.candidates
        );
    }
    let _ = write!(text, "{} entries", table.entries.len());
    text
}
