//! Who may begin an attempt at a webhook: how many are on their way for whom, and whose endpoints do not do well.
//! Refuses to let those who do not do well, or who have much to hear, take the places of the others.

use crate::domain::{Delivery, TenantId};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// Attempts at once: of one tenant, and of all whose endpoints do well.
const OF_A_TENANT: usize = 4;
const AT_ONCE: usize = 64;

/// The same of those in trouble: they have places of their own, so that nobody waits for them who does well.
const OF_A_TENANT_IN_TROUBLE: usize = 1;
const IN_TROUBLE_AT_ONCE: usize = 64;

/// An attempt that takes so long is slow, whatever comes of it: it means trouble from this moment on, and not from its end.
pub(super) const SLOW: Duration = Duration::from_secs(2);

/// What is on its way, and whose endpoint did not do well.
#[derive(Default)]
pub(super) struct Round<'a> {
    pub(super) attempts: FuturesUnordered<BoxFuture<'a, Done>>,
    /// Messages, and when their attempts began.
    on_the_way: HashMap<TenantId, BTreeMap<i64, Instant>>,
    /// Whose latest attempt that ended failed or was slow.
    troubled: HashSet<TenantId>,
}

/// An attempt that ended.
pub(super) struct Done {
    pub(super) tenant: TenantId,
    pub(super) number: i64,
    /// Whether it arrived, and soon.
    pub(super) well: bool,
}

impl<'a> Round<'a> {
    /// How many attempts may begin for this tenant now.
    pub(super) fn places(&self, tenant: TenantId, now: Instant) -> usize {
        let in_trouble = self.is_in_trouble(tenant, now);
        let (of_a_tenant, all) = if in_trouble {
            (OF_A_TENANT_IN_TROUBLE, IN_TROUBLE_AT_ONCE)
        } else {
            (OF_A_TENANT, AT_ONCE)
        };
        let others = self.on_the_way.keys().copied();
        let alike = others.filter(|other| self.is_in_trouble(*other, now) == in_trouble);
        let taken: usize = alike.map(|other| self.busy(other)).sum();
        of_a_tenant.saturating_sub(self.busy(tenant)).min(all.saturating_sub(taken))
    }

    fn is_in_trouble(&self, tenant: TenantId, now: Instant) -> bool {
        let mut began = self.on_the_way.get(&tenant).into_iter().flat_map(BTreeMap::values);
        self.troubled.contains(&tenant) || began.any(|began| *began + SLOW <= now)
    }

    /// How long it takes until another attempt is slow, if none ends before.
    pub(super) fn until_slow(&self, now: Instant) -> Option<Duration> {
        let began = self.on_the_way.values().flat_map(BTreeMap::values);
        began.map(|began| *began + SLOW).filter(|slow| *slow > now).min().map(|slow| slow - now)
    }

    /// Who has nothing on the way comes first, for else whoever has much to hear would take each place again that they give back.
    pub(super) fn in_turn(&self, mut due: Vec<TenantId>) -> Vec<TenantId> {
        due.sort_by_key(|tenant| self.busy(*tenant));
        due
    }

    pub(super) fn busy(&self, tenant: TenantId) -> usize {
        self.on_the_way.get(&tenant).map_or(0, BTreeMap::len)
    }

    pub(super) fn has(&self, delivery: &Delivery) -> bool {
        let numbers = self.on_the_way.get(&delivery.tenant);
        numbers.is_some_and(|numbers| numbers.contains_key(&delivery.number))
    }

    pub(super) fn begin(
        &mut self,
        tenant: TenantId,
        number: i64,
        now: Instant,
        attempt: BoxFuture<'a, Done>,
    ) {
        self.on_the_way.entry(tenant).or_default().insert(number, now);
        self.attempts.push(attempt);
    }

    pub(super) fn end(&mut self, done: Done) {
        let Done { tenant, number, well } = done;
        if let Some(numbers) = self.on_the_way.get_mut(&tenant) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.on_the_way.remove(&tenant);
            }
        }
        if well {
            self.troubled.remove(&tenant);
        } else {
            self.troubled.insert(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, Done, OF_A_TENANT, Round, SLOW, TenantId};
    use std::time::Instant;

    /// Takes every place that the tenant may have: how many.
    fn fill(round: &mut Round<'_>, tenant: i64, now: Instant) -> usize {
        let taken = round.places(TenantId(tenant), now);
        for place in 0..taken {
            let number = tenant * 100 + (round.busy(TenantId(tenant)) + place) as i64;
            round.on_the_way.entry(TenantId(tenant)).or_default().insert(number, now);
        }
        taken
    }

    /// Ends the tenant's oldest attempt.
    fn end(round: &mut Round<'_>, tenant: i64, well: bool) {
        let tenant = TenantId(tenant);
        let (&number, _) = round.on_the_way[&tenant].first_key_value().expect("an attempt");
        round.end(Done { tenant, number, well });
    }

    const TENANTS: i64 = (AT_ONCE / OF_A_TENANT) as i64;

    #[test]
    fn a_tenant_in_trouble_takes_no_place_from_one_that_is_not() {
        let (mut round, now) = (Round::default(), Instant::now());
        for tenant in 0..TENANTS {
            assert_eq!(fill(&mut round, tenant, now), OF_A_TENANT);
        }
        assert_eq!(round.places(TenantId(99), now), 0, "all are taken");
        for _ in 0..OF_A_TENANT {
            end(&mut round, 0, false);
        }
        assert_eq!(round.places(TenantId(99), now), OF_A_TENANT);
        assert_eq!(fill(&mut round, 0, now), 1, "one at a time until one arrives");
        assert_eq!(round.places(TenantId(99), now), OF_A_TENANT, "from places of its own");
        end(&mut round, 0, true);
        assert_eq!(round.places(TenantId(0), now), OF_A_TENANT);
    }

    #[test]
    fn who_is_slow_gives_the_places_of_others_back_before_they_are_done() {
        let (mut round, began) = (Round::default(), Instant::now());
        for tenant in 0..TENANTS {
            fill(&mut round, tenant, began);
        }
        let soon = began + SLOW / 2;
        assert_eq!(round.places(TenantId(99), soon), 0);
        assert_eq!(round.until_slow(soon), Some(SLOW / 2), "when it is worth another look");
        let late = began + SLOW;
        assert_eq!(round.until_slow(late), None);
        assert_eq!(round.places(TenantId(99), late), OF_A_TENANT, "all of them still hang");
        end(&mut round, 0, false);
        assert_eq!(round.places(TenantId(0), late), 0, "no more than one at a time");
    }

    #[test]
    fn a_place_that_is_free_is_first_for_who_has_none() {
        let (mut round, now) = (Round::default(), Instant::now());
        for tenant in 0..TENANTS {
            fill(&mut round, tenant, now);
        }
        end(&mut round, 0, true);
        let due = round.in_turn([0, 1, 98, 99].map(TenantId).to_vec());
        assert_eq!(due, [98, 99, 0, 1].map(TenantId), "and among them who waited longest");
    }
}
