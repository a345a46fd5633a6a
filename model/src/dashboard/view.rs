//! What the dashboard shows, whatever it is drawn on.

use std::time::Duration;

use indicatif::HumanDuration;
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Style};
use ratatui_core::symbols::Marker;
use ratatui_core::terminal::Frame;
use ratatui_core::text::Line;
use ratatui_widgets::block::Block;
use ratatui_widgets::chart::{Axis, Chart, Dataset, GraphType};
use ratatui_widgets::gauge::LineGauge;
use ratatui_widgets::paragraph::Paragraph;

use crate::train::report::EpochRow;

/// Epochs listed below the curves.
const LISTED: usize = 5;

/// A run as far as it is.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The epoch that runs, from 0.
    pub epoch: usize,
    pub epochs: usize,
    /// Batches of it that are done.
    pub batch: usize,
    pub batches: usize,
    /// Training losses as they were read, by the epochs behind them.
    pub losses: Vec<(f64, f64)>,
    /// Epochs that ended.
    pub rows: Vec<EpochRow>,
    /// The one with the lowest validation error, from 1.
    pub best: usize,
    pub learning_rate: f64,
    pub left: Option<Duration>,
    /// What a person should know, and what is going on, the latest last.
    pub notes: Vec<String>,
}

impl View {
    /// Epochs that are done, with the part of the one that runs.
    pub fn done(&self) -> f64 {
        self.epoch as f64 + self.batch as f64 / self.batches.max(1) as f64
    }

    /// Draws onto all of a terminal; `stopping` says that the run was asked to stop.
    pub fn draw(&self, frame: &mut Frame<'_>, stopping: bool) {
        let listed = self.rows.len().min(LISTED) as u16;
        let areas = Layout::vertical([
            Constraint::Min(6),
            Constraint::Length(listed),
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Length(1),
        ]);
        let [curves, epochs, gauge, state, help] = areas.areas(frame.area());
        self.draw_curves(frame, curves);
        let from = self.rows.len() - listed as usize;
        let lines: Vec<_> =
            self.rows[from..].iter().map(|row| Line::from(self.line(row))).collect();
        frame.render_widget(Paragraph::new(lines), epochs);
        let at = (self.epoch + 1).min(self.epochs);
        let label = format!("epoch {at}/{} batch {}/{}", self.epochs, self.batch, self.batches);
        let share = self.done() / self.epochs.max(1) as f64;
        let bar = LineGauge::default().label(label).ratio(share.clamp(0.0, 1.0));
        let bar = bar.filled_symbol("━").unfilled_symbol("─");
        frame.render_widget(bar.filled_style(Style::new().fg(Color::Cyan)), gauge);
        frame.render_widget(Paragraph::new(self.state()), state);
        let text = match (stopping, self.notes.last()) {
            (true, _) => "stopping; q again: at once",
            (false, Some(note)) => note,
            (false, None) => "",
        };
        let [note, key] =
            Layout::horizontal([Constraint::Min(0), Constraint::Length(KEY.len() as u16)])
                .areas(help);
        frame.render_widget(Paragraph::new(text), note);
        frame.render_widget(Paragraph::new(KEY), key);
    }

    fn draw_curves(&self, frame: &mut Frame<'_>, area: Rect) {
        let validation: Vec<(f64, f64)> =
            self.rows.iter().map(|row| (row.epoch as f64, row.val)).collect();
        // A loss that ran away has no place among the others.
        let finite = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points.iter().copied().filter(|point| point.1.is_finite()).collect()
        };
        let (training, validation) = (finite(&self.losses), finite(&validation));
        let values = || training.iter().chain(&validation).map(|point| point.1);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        // Nothing to show yet, or a line: some room around it.
        let (low, high) = match (values().next().is_none(), high > low) {
            (true, _) => (0.0, 1.0),
            (false, true) => (low, high),
            (false, false) => (low - 0.5 * low.abs().max(1e-6), high + 0.5 * high.abs().max(1e-6)),
        };
        let last = self.done().ceil().max(1.0);
        let curve = |name, data, color| {
            Dataset::default()
                .name(name)
                .marker(Marker::Braille)
                .graph_type(GraphType::Line)
                .style(Style::new().fg(color))
                .data(data)
        };
        let curves = vec![
            curve("training", training.as_slice(), Color::Cyan),
            curve("validation", validation.as_slice(), Color::Yellow),
        ];
        let x = Axis::default().title("epochs").bounds([0.0, last]);
        let x = x.labels(["0".to_string(), format!("{last}")]);
        let y = Axis::default().bounds([low, high]);
        let y = y.labels([low, (low + high) / 2.0, high].map(|value| format!("{value:.4}")));
        let chart = Chart::new(curves)
            .block(Block::bordered().title("loss"))
            .hidden_legend_constraints((Constraint::Ratio(1, 2), Constraint::Ratio(1, 2)));
        frame.render_widget(chart.x_axis(x).y_axis(y), area);
    }

    fn state(&self) -> String {
        let loss = self.losses.last().map(|(_, loss)| format!("loss {loss:.4}  "));
        let left = self.left.map(|left| format!("  {} left", HumanDuration(left)));
        format!(
            "{}lr {:.2e}{}",
            loss.unwrap_or_default(),
            self.learning_rate,
            left.unwrap_or_default()
        )
    }

    /// An epoch in one line.
    pub fn line(&self, row: &EpochRow) -> String {
        let test = row.test.map(|test| format!("  test {test:.5}")).unwrap_or_default();
        let mark = if row.epoch == self.best { "  best" } else { "" };
        format!(
            "epoch {:>3}/{}  train {:.5}  val {:.5}{test}  lr {:.2e}  {:.1} s{mark}",
            row.epoch, self.epochs, row.train, row.val, row.learning_rate, row.seconds
        )
    }
}

const KEY: &str = " q: stop, keep the checkpoint";
