//! Ports of services that are not the web's: a request there could be taken for
//! mail, for a print job, for a command.

/// What browsers refuse to talk to (the Fetch standard, "bad port").
const OTHER: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Whether another service than the web's is known by this port.
pub(super) fn is_of_another_service(port: u16) -> bool {
    OTHER.binary_search(&port).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_found() {
        assert!(OTHER.is_sorted());
        assert!(OTHER.iter().all(|port| is_of_another_service(*port)));
        for port in [80, 443, 2, 3000, 8000, 8080, 8443, 10081, u16::MAX] {
            assert!(!is_of_another_service(port), "{port}");
        }
    }
}
