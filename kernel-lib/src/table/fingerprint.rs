//! Which device a table was measured on, and what its measurements are worth on another.

use cubecl::client::Client;
use serde::{Deserialize, Serialize};

use super::driver;
use crate::device::{Device, DeviceKind};

/// What a fingerprint says where the device could not be asked.
pub const UNKNOWN: &str = "unknown";

/// The device that a table was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// As the driver names it, as in `NVIDIA H200`; a CPU's brand.
    pub name: String,
    /// CPU or GPU.
    pub kind: DeviceKind,
    /// Of a GPU, as in `9.0`; `unknown` for a CPU.
    pub compute_capability: String,
    /// Multiprocessors of a GPU; 1 on a CPU.
    pub multiprocessors: usize,
    /// Bytes of memory; 0 where nobody says.
    pub memory: u64,
    /// Version of the GPU's driver; `unknown` for a CPU.
    pub driver: String,
    /// Version of NVRTC, which compiled the kernels; `unknown` for a CPU.
    pub nvrtc: String,
    /// Cores of a CPU; units of a cube at most on a GPU.
    pub units: usize,
    /// Units that move in lockstep.
    pub plane: usize,
    /// Bytes of shared memory that one cube may use.
    pub shared_memory: usize,
    /// `f32` lanes of the widest vector that is worth using.
    pub lanes: usize,
    /// Whether it has tensor cores for 16-bit numbers.
    pub tensor_cores: bool,
}

/// What measurements of one device are worth on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It is the same: what was measured holds.
    Same,
    /// It is of the same kind: what was measured is an estimate.
    Kin,
    /// Nothing is known of it.
    Foreign,
}

impl Fingerprint {
    /// The fingerprint of a device, as far as the device and its driver can be asked.
    pub fn of(client: &Client) -> Self {
        let properties = client.properties();
        let identity = &properties.identity;
        let device = Device::of(client);
        let unknown = Self::new(identity.name.clone(), &device);
        let memory = properties.memory.max_memory().unwrap_or(0);
        if device.is_cpu() {
            return Self { memory, ..unknown };
        }
        let known = |version: Option<String>| version.unwrap_or_else(|| UNKNOWN.to_owned());
        Self {
            memory,
            compute_capability: known(capability(&identity.fingerprint).map(|number| {
                let (major, minor) = (number / 10, number % 10);
                format!("{major}.{minor}")
            })),
            driver: known(driver::driver_version()),
            nvrtc: known(driver::nvrtc_version()),
            ..unknown
        }
    }

    /// The fingerprint of a device with this name, of which nothing else is known.
    pub fn new(name: impl Into<String>, device: &Device) -> Self {
        let Device { kind, units, plane, shared_memory, lanes, multiprocessors, tensor_cores } =
            *device;
        Self {
            name: name.into(),
            kind,
            compute_capability: UNKNOWN.to_owned(),
            multiprocessors,
            memory: 0,
            driver: UNKNOWN.to_owned(),
            nvrtc: UNKNOWN.to_owned(),
            units,
            plane,
            shared_memory,
            lanes,
            tensor_cores,
        }
    }

    /// What plans are checked against.
    pub fn device(&self) -> Device {
        Device {
            kind: self.kind,
            units: self.units,
            plane: self.plane,
            shared_memory: self.shared_memory,
            lanes: self.lanes,
            multiprocessors: self.multiprocessors,
            tensor_cores: self.tensor_cores,
        }
    }

    /// What plans measured there are worth on this device, of this name and with what
    /// [`DeviceIdentity`](cubecl::ir::DeviceIdentity) calls its fingerprint.
    ///
    /// A GPU is the same if name and number of multiprocessors are, and kin if the compute
    /// capability is. A CPU is the same if name, cores and width of vectors are, and kin if that
    /// width is: it decides between plans, names of CPUs hardly do. Versions of driver and NVRTC
    /// are written down for people and decide nothing.
    pub fn standing(&self, name: &str, compiled_for: &str, device: &Device) -> Standing {
        if self.kind != device.kind {
            return Standing::Foreign;
        }
        let (same, kin) = match device.kind {
            DeviceKind::Cpu => (self.units == device.units, self.lanes == device.lanes),
            DeviceKind::Gpu => {
                let here = capability(compiled_for);
                let kin = here.is_some() && here == capability(&self.compute_capability);
                (self.multiprocessors == device.multiprocessors, kin || self.name == name)
            }
        };
        match (kin, same && self.name == name) {
            (true, true) => Standing::Same,
            (true, false) => Standing::Kin,
            (false, _) => Standing::Foreign,
        }
    }

    /// As [`standing`](Fingerprint::standing), of the device behind a client.
    pub fn standing_on(&self, client: &Client) -> Standing {
        let identity = &client.properties().identity;
        self.standing(&identity.name, &identity.fingerprint, &Device::of(client))
    }
}

/// 90 for `9.0` and for `ptx_sm90`.
fn capability(text: &str) -> Option<u32> {
    let digits = text.bytes().filter(u8::is_ascii_digit);
    let number =
        digits.fold(0u32, |n, digit| n.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    (10..1000).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compute_capabilities_are_read() {
        for (text, number) in [("9.0", 90), ("ptx_sm90", 90), ("12.0", 120), ("sm_100a", 100)] {
            assert_eq!(capability(text), Some(number), "{text}");
        }
        for text in ["", UNKNOWN, "7", "99999999999999999999"] {
            assert_eq!(capability(text), None, "{text}");
        }
    }
}
