//! Whether the download of LLVM can be expected to work.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use crate::shell;

/// Where the bundler downloads from.
const HOST: &str = "github.com";
const PORT: u16 = 443;
/// Long enough for a slow line, short enough to wait for where a firewall drops packets.
const PATIENCE: Duration = Duration::from_secs(6);

/// Opens a connection to the download's host, or to the proxy that leads there.
///
/// Some networks accept every connection and then refuse the request, so where `curl` is at hand it
/// asks for the page as well.
pub fn download_reachable() -> Result<(), String> {
    let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let (host, port) = match &proxy {
        Some(proxy) => host_and_port(proxy).ok_or_else(|| format!("the proxy `{proxy}`?"))?,
        None => (HOST.to_owned(), PORT),
    };
    connect(&host, port)?;
    let url = format!("https://{HOST}/");
    let seconds = (PATIENCE.as_secs() * 2).to_string();
    let probe = ["--head", "--silent", "--fail", "--location", "--max-time", &seconds, &url];
    match shell::silent("curl", &probe) {
        Some(output) if !output.status.success() => {
            Err(format!("{HOST} answers, but refuses the request ({})", output.status))
        }
        _ => Ok(()),
    }
}

fn connect(host: &str, port: u16) -> Result<(), String> {
    // Looking up a name has no timeout of its own, so it happens beside us; a thread that is stuck
    // there ends with the program.
    let (sender, receiver) = mpsc::channel();
    let name = (host.to_owned(), port);
    std::thread::spawn(move || {
        let outcome = name.to_socket_addrs().map_err(|error| error.to_string()).and_then(|all| {
            let mut last = "the name has no address".to_owned();
            for address in all {
                match TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(_) => return Ok(()),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(last)
        });
        // Nobody listens any more after the timeout, which is no fault.
        let _ = sender.send(outcome);
    });
    match receiver.recv_timeout(PATIENCE * 2) {
        Ok(outcome) => outcome.map_err(|error| format!("no connection to {host}: {error}")),
        Err(_) => Err(format!("no connection to {host} in {} s", (PATIENCE * 2).as_secs())),
    }
}

/// Splits `http://user:password@host:port/` into what a connection needs.
fn host_and_port(proxy: &str) -> Option<(String, u16)> {
    let (scheme, rest) = proxy.split_once("://").unwrap_or(("http", proxy));
    let authority = rest.split('/').next()?;
    let address = authority.rsplit('@').next()?;
    let default = if scheme == "https" { 443 } else { 80 };
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (address, default),
    };
    (!host.is_empty()).then(|| (host.trim_matches(['[', ']']).to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_listening_port_is_reached_and_a_closed_one_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(connect("127.0.0.1", port), Ok(()));
        drop(listener);
        assert!(connect("127.0.0.1", port).unwrap_err().contains("127.0.0.1"));
    }

    #[test]
    fn proxies_are_read() {
        let read = |text: &str| host_and_port(text);
        assert_eq!(read("http://proxy:3128/"), Some(("proxy".into(), 3128)));
        assert_eq!(read("http://me:pw@proxy:3128"), Some(("proxy".into(), 3128)));
        assert_eq!(read("https://proxy"), Some(("proxy".into(), 443)));
        assert_eq!(read("proxy:8080"), Some(("proxy".into(), 8080)));
        assert_eq!(read("http://[::1]:8080"), Some(("::1".into(), 8080)));
        assert_eq!(read("http://proxy:many"), None);
        assert_eq!(read(""), None);
    }
}
