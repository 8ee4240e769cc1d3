//! How many connections there may be: in all, and of one address.
//!
//! Whoever opens connections and says nothing would else take them all. A proxy's address stands for many people, and so
//! may loopback; both are limited by the total alone.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An address may have this part of all places, at least [`LEAST`].
const SHARE: usize = 4;
/// So many any address may have: browsers open six and more at once, and an office may share an address.
const LEAST: usize = 16;

/// The places that connections take.
pub(crate) struct Places {
    free: Arc<Semaphore>,
    most_of_one: usize,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection's place, free again when dropped.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    of: Option<Share>,
}

/// A place within an address's share.
struct Share {
    address: IpAddr,
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Places {
    /// So many places in all.
    pub fn new(most: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(most)),
            most_of_one: (most / SHARE).max(LEAST),
            taken: Arc::default(),
        }
    }

    /// Waits until there is a place. `None` never comes: nobody closes them.
    pub async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// The place of a connection from `peer`; `None` when its address has its share already. `is_exempt`: only the total
    /// counts.
    pub fn give(&self, permit: OwnedSemaphorePermit, peer: IpAddr, is_exempt: bool) -> Option<Place> {
        let address = household(peer);
        if is_exempt || address.is_loopback() {
            return Some(Place { _permit: permit, of: None });
        }
        let mut taken = self.taken.lock();
        let count = taken.entry(address).or_default();
        if *count >= self.most_of_one {
            return None;
        }
        *count += 1;
        drop(taken);
        let share = Share { address, taken: Arc::clone(&self.taken) };
        Some(Place { _permit: permit, of: Some(share) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(Share { address, taken }) = self.of.take() else { return };
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&address);
            }
        }
    }
}

/// What counts as one address: what one customer of a network has, an IPv4 address or an IPv6 network of 64 bits.
pub(crate) fn household(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn take(places: &Places, peer: &str, is_exempt: bool) -> Option<Place> {
        places.give(places.wait().await.unwrap(), peer.parse().unwrap(), is_exempt)
    }

    #[tokio::test]
    async fn an_address_has_a_quarter_of_the_places_and_gets_them_back() {
        let places = Places::new(100);
        let mut held = Vec::new();
        for _ in 0..25 {
            held.push(take(&places, "203.0.113.9", false).await.expect("its share"));
        }
        assert!(take(&places, "203.0.113.9", false).await.is_none());
        assert!(take(&places, "::ffff:203.0.113.9", false).await.is_none(), "the same address");
        assert!(take(&places, "203.0.113.10", false).await.is_some(), "another");
        held.pop();
        assert!(take(&places, "203.0.113.9", false).await.is_some());
        held.clear();
        assert!(places.taken.lock().is_empty());
        assert_eq!(places.free.available_permits(), 100, "who is refused keeps no place");
    }

    #[tokio::test]
    async fn a_network_of_64_bits_is_one_address() {
        let places = Places::new(64);
        let mut held = Vec::new();
        for host in 0..16 {
            held.push(take(&places, &format!("2001:db8::{host}"), false).await.unwrap());
        }
        assert!(take(&places, "2001:db8::ffff:1", false).await.is_none());
        assert!(take(&places, "2001:db8:0:1::1", false).await.is_some());
    }

    #[tokio::test]
    async fn proxies_and_this_machine_are_limited_by_the_total_alone() {
        let places = Places::new(64);
        let mut held = Vec::new();
        for _ in 0..20 {
            held.push(take(&places, "10.0.0.1", true).await.unwrap());
            held.push(take(&places, "127.0.0.1", false).await.unwrap());
            held.push(take(&places, "::1", false).await.unwrap());
        }
    }
}
