//! A run on a terminal: curves of its losses, where it is, how long it will take.
//!
//! [`view`] is what is shown, [`Dashboard`] the terminal that it is shown on. Burn's own dashboard
//! (`burn-train` with `tui`) would turn features of Burn's CPU backend on and belongs to its learner;
//! this one takes the parts of Ratatui that leave other crates as they are.

pub mod view;

use std::io::{self, IsTerminal, Stdout, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::cursor::Show;
use ratatui_crossterm::crossterm::event::{
    self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers,
};
use ratatui_crossterm::crossterm::execute;
use ratatui_crossterm::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use view::View;

/// Between two pictures.
const DRAW_EVERY: Duration = Duration::from_millis(100);

/// A terminal that shows a run. Dropped, it gives the terminal back as it was.
pub struct Dashboard {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    drawn: Option<Instant>,
    stop: Arc<AtomicBool>,
}

impl Dashboard {
    /// Takes standard output over, if it is a terminal that can be drawn on. A key sets `stop`.
    pub fn open(stop: Arc<AtomicBool>) -> Option<Self> {
        if !stdout().is_terminal() || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        restore_on_panic();
        let opened = enable_raw_mode().and_then(|()| {
            execute!(stdout(), EnterAlternateScreen)?;
            Terminal::new(CrosstermBackend::new(stdout()))
        });
        match opened {
            Ok(terminal) => Some(Self { terminal, drawn: None, stop }),
            Err(_) => {
                restore();
                None
            }
        }
    }

    /// Reads the keyboard and draws, if it is time to.
    pub fn tick(&mut self, view: &View) {
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_EVERY) {
            self.draw(view);
        }
    }

    /// Reads the keyboard and draws. A terminal that is gone does not end the run.
    pub fn draw(&mut self, view: &View) {
        let _ = self.read_keys();
        let stopping = self.stop.load(Ordering::Relaxed);
        let _ = self.terminal.draw(|frame| view.draw(frame, stopping));
        self.drawn = Some(Instant::now());
    }

    fn read_keys(&mut self) -> io::Result<()> {
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && is_stop(&key)
                && self.stop.swap(true, Ordering::Relaxed)
            {
                // As with Ctrl-C elsewhere: asked twice, it ends at once.
                restore();
                std::process::exit(130);
            }
        }
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        restore();
    }
}

/// Whether a key asks to stop: `q`, or Ctrl-C, which is a key like others while lines are not edited
/// by the terminal.
pub fn is_stop(key: &KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind == KeyEventKind::Press
        && matches!((key.code, control), (KeyCode::Char('q'), false) | (KeyCode::Char('c'), true))
}

/// Gives the terminal back. Nothing can be done where that fails.
fn restore() {
    let _ = execute!(stdout(), LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
}

/// A panic's text would go with the screen that it is printed on.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}
