//! The shim: a library to preload that tells a program the time as Perjury's agent steers it.
//!
//! It stands on nothing but the kernel's system calls, so that it can be loaded beside any C
//! library. Calls that ask for the wall clock are answered by the steering file's parameters, and
//! what was told is noted there. Waits until a point of the wall clock are turned into the true
//! time of that point, as far as it can be told beforehand.
#![no_std]

#[expect(dead_code, reason = "the agent uses the rest")]
#[path = "../src/steer.rs"]
mod steer;
mod sys;

use core::ffi::{c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use steer::Steering;

const REALTIME: c_int = 0;
const MONOTONIC: c_int = 1;
const REALTIME_COARSE: c_int = 5;
const REALTIME_ALARM: c_int = 8;
const TAI: c_int = 11;
const ABSOLUTE: c_int = 1;
const SECOND: i64 = 1_000_000_000;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Timespec {
    seconds: c_long,
    nanoseconds: c_long,
}

#[repr(C)]
pub struct Timeval {
    seconds: c_long,
    microseconds: c_long,
}

#[repr(C)]
pub struct Timeb {
    seconds: c_long,
    milliseconds: u16,
    zone: i16,
    summer: i16,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Itimerspec {
    interval: Timespec,
    value: Timespec,
}

impl Timespec {
    fn from_ns(ns: i64) -> Self {
        Self { seconds: ns.div_euclid(SECOND), nanoseconds: ns.rem_euclid(SECOND) }
    }

    fn ns(self) -> i64 {
        self.seconds.wrapping_mul(SECOND).wrapping_add(self.nanoseconds)
    }
}

/// The mapped steering file, once it was found; `NONE` when there is none.
static MAP: AtomicPtr<AtomicU64> = AtomicPtr::new(core::ptr::null_mut());
static NOTE_AT: AtomicU64 = AtomicU64::new(steer::PROGRAM_AT as u64);
static NONE: AtomicU64 = AtomicU64::new(0);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sys::abort()
}

/// Run by the dynamic linker before the program: maps the file, also if the time is never asked.
// SAFETY: the section holds pointers to functions of this signature.
#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = begin;

extern "C" fn begin(_: c_int, _: *const *const c_char, environment: *const *const c_char) {
    // SAFETY: the linker gives the environment: strings, and a null pointer at their end.
    let value = |name: &[u8]| unsafe { sys::variable(environment, name) };
    if let Some(path) = value(b"PERJURY_CLOCK=") {
        let map = sys::map(path, steer::PAGE).cast::<AtomicU64>();
        // SAFETY: a whole page was mapped, and pages are aligned for words.
        if !map.is_null() && unsafe { (*map).load(Ordering::Relaxed) } == steer::MAGIC {
            if value(b"PERJURY_CLOCK_PROBE=").is_some() {
                NOTE_AT.store(steer::PROBE_AT as u64, Ordering::Relaxed);
            }
            MAP.store(map, Ordering::Release);
            return;
        }
    }
    MAP.store((&raw const NONE).cast_mut(), Ordering::Release);
}

/// The word at a byte offset of the page; `None` while, or when, there is no page.
fn word(at: usize) -> Option<&'static AtomicU64> {
    let map = MAP.load(Ordering::Acquire);
    if map.is_null() || core::ptr::eq(map, &raw const NONE) {
        return None;
    }
    // SAFETY: `at` is one of the constants of `steer` or a few words past it, inside the page,
    // which stays mapped for as long as the process lives.
    Some(unsafe { &*map.byte_add(at) })
}

fn read<const N: usize>(at: usize) -> [u64; N] {
    let mut words = [0; N];
    for (number, place) in words.iter_mut().enumerate() {
        *place = word(at + 8 * number).map_or(0, |word| word.load(Ordering::Acquire));
    }
    words
}

/// What is in force, and its generation.
fn steering() -> Option<(u64, Steering)> {
    let generation = word(steer::GENERATION_AT)?;
    for _ in 0..1_000_000 {
        let before = generation.load(Ordering::Acquire);
        let words = read::<{ steer::STEERING_WORDS }>(steer::STEERING_AT);
        if before % 2 == 0 && generation.load(Ordering::Acquire) == before {
            return Some((before, Steering::from_words(words)));
        }
        core::hint::spin_loop();
    }
    None
}

/// Notes what was told, unless another thread is about to.
fn note(generation: u64, monotonic: i64, raw: i64, told: i64) {
    let base = NOTE_AT.load(Ordering::Relaxed) as usize;
    let (Some(asked), Some(lock)) = (word(base + steer::ASKED), word(base + steer::LOCK)) else {
        return;
    };
    asked.fetch_add(1, Ordering::Relaxed);
    let held = lock.load(Ordering::Relaxed);
    let free = held % 2 == 0;
    let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
    if !free || lock.compare_exchange(held, held + 1, success, failure).is_err() {
        return;
    }
    let last = [monotonic as u64, raw as u64, told as u64, generation];
    for (number, value) in last.into_iter().enumerate() {
        if let Some(word) = word(base + steer::LAST + 8 * number) {
            word.store(value, Ordering::Release);
        }
    }
    lock.store(held + 2, Ordering::Release);
}

fn is_wall(clock: c_int) -> bool {
    matches!(clock, REALTIME | REALTIME_COARSE | REALTIME_ALARM | TAI)
}

/// The kernel's answer, steered where it is a wall clock; negative for an error.
fn ask(clock: c_int) -> Result<i64, c_long> {
    let mut raw = Timespec { seconds: 0, nanoseconds: 0 };
    sys::clock_gettime(clock, &mut raw)?;
    if !is_wall(clock) {
        return Ok(raw.ns());
    }
    let Some((generation, steering)) = steering() else { return Ok(raw.ns()) };
    let mut monotonic = Timespec { seconds: 0, nanoseconds: 0 };
    sys::clock_gettime(MONOTONIC, &mut monotonic)?;
    let told = steering.told(monotonic.ns(), raw.ns());
    note(generation, monotonic.ns(), raw.ns(), told);
    Ok(told)
}

/// The true time of a point of the wall clock as told: as far ahead as it is told to be. Whose
/// clock is not known here (a condition variable's, a timer's) is taken for the wall clock where
/// the point is later than 1980, which no machine's monotonic clock reaches.
fn true_point(told: Timespec) -> Timespec {
    const YEAR_1980: c_long = 315_532_800;
    if told.seconds < YEAR_1980 {
        return told;
    }
    let mut now = [Timespec { seconds: 0, nanoseconds: 0 }; 2];
    let raw = sys::clock_gettime(REALTIME, &mut now[0]);
    let monotonic = sys::clock_gettime(MONOTONIC, &mut now[1]);
    match (raw, monotonic, steering()) {
        (Ok(()), Ok(()), Some((_, steering))) if steering.mode != steer::TRUE => {
            let [raw, monotonic] = now.map(Timespec::ns);
            let shift = steering.told(monotonic, raw).wrapping_sub(raw);
            Timespec::from_ns(told.ns().wrapping_sub(shift))
        }
        _ => told,
    }
}

#[unsafe(no_mangle)]
/// # Safety
/// As clock_gettime(2).
pub unsafe extern "C" fn clock_gettime(clock: c_int, into: *mut Timespec) -> c_int {
    match ask(clock) {
        // SAFETY: the caller gives a place for it.
        Ok(ns) => unsafe { into.write(Timespec::from_ns(ns)) },
        Err(errno) => return sys::fail(errno),
    }
    0
}

#[unsafe(no_mangle)]
/// # Safety
/// As clock_gettime(2): what newer programs call it.
pub unsafe extern "C" fn __clock_gettime64(clock: c_int, into: *mut Timespec) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { clock_gettime(clock, into) }
}

#[unsafe(no_mangle)]
/// # Safety
/// As gettimeofday(2).
pub unsafe extern "C" fn gettimeofday(into: *mut Timeval, zone: *mut c_void) -> c_int {
    let now = match ask(REALTIME) {
        Ok(ns) => Timespec::from_ns(ns),
        Err(errno) => return sys::fail(errno),
    };
    if !into.is_null() {
        let told = Timeval { seconds: now.seconds, microseconds: now.nanoseconds / 1000 };
        // SAFETY: not null, so the caller gives a place for it.
        unsafe { into.write(told) };
    }
    if !zone.is_null() {
        // SAFETY: the caller gives a place for two integers: no zone, no summer time.
        unsafe { zone.cast::<[c_int; 2]>().write([0; 2]) };
    }
    0
}

#[unsafe(no_mangle)]
/// # Safety
/// As time(2).
pub unsafe extern "C" fn time(into: *mut c_long) -> c_long {
    let seconds = ask(REALTIME).map_or(-1, |ns| ns.div_euclid(SECOND));
    if !into.is_null() {
        // SAFETY: not null, so the caller gives a place for it.
        unsafe { into.write(seconds) };
    }
    seconds
}

#[unsafe(no_mangle)]
/// # Safety
/// As timespec_get(3).
pub unsafe extern "C" fn timespec_get(into: *mut Timespec, base: c_int) -> c_int {
    if base != 1 {
        return 0;
    }
    // SAFETY: the caller's promise is the same.
    if unsafe { clock_gettime(REALTIME, into) } == 0 { base } else { 0 }
}

#[unsafe(no_mangle)]
/// # Safety
/// As ftime(3).
pub unsafe extern "C" fn ftime(into: *mut Timeb) -> c_int {
    let Ok(ns) = ask(REALTIME) else { return -1 };
    let now = Timespec::from_ns(ns);
    let milliseconds = (now.nanoseconds / 1_000_000) as u16;
    // SAFETY: the caller gives a place for it.
    unsafe { into.write(Timeb { seconds: now.seconds, milliseconds, zone: 0, summer: 0 }) };
    0
}

#[unsafe(no_mangle)]
/// # Safety
/// As clock_nanosleep(2).
pub unsafe extern "C" fn clock_nanosleep(
    clock: c_int,
    flags: c_int,
    until: *const Timespec,
    left: *mut Timespec,
) -> c_int {
    if flags & ABSOLUTE == 0 || !is_wall(clock) || until.is_null() {
        return sys::clock_nanosleep(clock, flags, until, left);
    }
    // SAFETY: not null, so the caller gives one.
    let until = true_point(unsafe { *until });
    sys::clock_nanosleep(clock, flags, &until, left)
}

#[unsafe(no_mangle)]
/// # Safety
/// As timerfd_settime(2).
pub unsafe extern "C" fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const Itimerspec,
    old: *mut Itimerspec,
) -> c_int {
    if flags & ABSOLUTE == 0 || new.is_null() {
        return sys::timerfd_settime(fd, flags, new, old);
    }
    // SAFETY: not null, so the caller gives one.
    let mut point = unsafe { *new };
    point.value = true_point(point.value);
    sys::timerfd_settime(fd, flags, &point, old)
}

/// Waits of the thread library until a point of the wall clock: passed on to the library itself,
/// with the true time of that point.
macro_rules! wait {
    ($name:ident, $symbol:literal, ($($argument:ident),*)) => {
        #[unsafe(no_mangle)]
        /// # Safety
        /// As the function of this name in the C library.
        pub unsafe extern "C" fn $name($($argument: *mut c_void,)* until: *const Timespec) -> c_int {
            type Wait = unsafe extern "C" fn($(wait!(@type $argument),)* *const Timespec) -> c_int;
            static NEXT: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());
            let Some(next) = sys::next(&NEXT, $symbol, b"GLIBC_2.3.2\0") else { return sys::NO_SUCH_CALL };
            // SAFETY: the library's function of this name has this signature.
            let next = unsafe { core::mem::transmute::<*mut c_void, Wait>(next) };
            if until.is_null() {
                // SAFETY: the caller's arguments, as they came.
                return unsafe { next($($argument,)* until) };
            }
            // SAFETY: not null, so the caller gives one; the rest are its arguments as they came.
            unsafe { next($($argument,)* &true_point(*until)) }
        }
    };
    (@type $argument:ident) => { *mut c_void };
}

wait!(pthread_cond_timedwait, b"pthread_cond_timedwait\0", (condition, mutex));
wait!(pthread_mutex_timedlock, b"pthread_mutex_timedlock\0", (mutex));
wait!(pthread_rwlock_timedrdlock, b"pthread_rwlock_timedrdlock\0", (lock));
wait!(pthread_rwlock_timedwrlock, b"pthread_rwlock_timedwrlock\0", (lock));
wait!(sem_timedwait, b"sem_timedwait\0", (semaphore));
