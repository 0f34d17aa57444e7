//! System calls by hand, and the few symbols of the C library that any of them has.

use crate::{Itimerspec, Timespec};
use core::arch::asm;
use core::ffi::{c_char, c_int, c_long, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

/// What waits answer when the library has no such function: `ENOSYS`.
pub(crate) const NO_SUCH_CALL: c_int = 38;
const INVALID: c_int = 22;

#[cfg(target_arch = "x86_64")]
mod number {
    pub const OPEN_AT: i64 = 257;
    pub const CLOSE: i64 = 3;
    pub const MMAP: i64 = 9;
    pub const CLOCK_GETTIME: i64 = 228;
    pub const CLOCK_NANOSLEEP: i64 = 230;
    pub const TIMERFD_SETTIME: i64 = 286;
    pub const KILL: i64 = 62;
    pub const GETPID: i64 = 39;
}

#[cfg(target_arch = "aarch64")]
mod number {
    pub const OPEN_AT: i64 = 56;
    pub const CLOSE: i64 = 57;
    pub const MMAP: i64 = 222;
    pub const CLOCK_GETTIME: i64 = 113;
    pub const CLOCK_NANOSLEEP: i64 = 115;
    pub const TIMERFD_SETTIME: i64 = 86;
    pub const KILL: i64 = 129;
    pub const GETPID: i64 = 172;
}

/// One system call; negative for an error.
///
/// # Safety
/// As the call of that number: pointers must be good for what it does with them.
unsafe fn call(number: i64, arguments: [i64; 6]) -> i64 {
    let [a, b, c, d, e, f] = arguments;
    let result;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel's convention: arguments in these registers, rcx and r11 lost. What the
    // call itself does is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") a, in("rsi") b,
            in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel's convention: arguments in these registers. What the call itself does is
    // the caller's promise.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a => result, in("x1") b, in("x2") c,
            in("x3") d, in("x4") e, in("x5") f, options(nostack));
    }
    result
}

unsafe extern "C" {
    /// Where errno is: of this name in every C library of Linux.
    safe fn __errno_location() -> *mut c_int;
}

/// Sets errno to this negative result, and gives what a failed call returns.
pub(crate) fn fail(result: c_long) -> c_int {
    // SAFETY: the library gives the place of this thread's errno.
    unsafe { __errno_location().write(-result as c_int) };
    -1
}

pub(crate) fn clock_gettime(clock: c_int, into: &mut Timespec) -> Result<(), c_long> {
    let arguments = [i64::from(clock), &raw mut *into as i64, 0, 0, 0, 0];
    // SAFETY: the place lives across the call.
    match unsafe { call(number::CLOCK_GETTIME, arguments) } {
        0 => Ok(()),
        result => Err(result),
    }
}

/// Answers an error's number, as the library's function does, and does not set errno.
pub(crate) fn clock_nanosleep(
    clock: c_int,
    flags: c_int,
    until: *const Timespec,
    left: *mut Timespec,
) -> c_int {
    // The thread's own processor time is no clock to sleep by.
    if clock == 3 {
        return INVALID;
    }
    let arguments = [i64::from(clock), i64::from(flags), until as i64, left as i64, 0, 0];
    // SAFETY: the pointers are the program's own, checked by the kernel.
    -(unsafe { call(number::CLOCK_NANOSLEEP, arguments) } as c_int)
}

pub(crate) fn timerfd_settime(
    fd: c_int,
    flags: c_int,
    new: *const Itimerspec,
    old: *mut Itimerspec,
) -> c_int {
    let arguments = [i64::from(fd), i64::from(flags), new as i64, old as i64, 0, 0];
    // SAFETY: the pointers are the program's own, checked by the kernel.
    match unsafe { call(number::TIMERFD_SETTIME, arguments) } {
        result if result < 0 => fail(result),
        result => result as c_int,
    }
}

pub(crate) fn abort() -> ! {
    loop {
        // SAFETY: the calls take no pointers.
        unsafe {
            let own = call(number::GETPID, [0; 6]);
            call(number::KILL, [own, 6, 0, 0, 0, 0]);
        }
    }
}

/// Maps the file's first bytes for reading and writing, shared; null when that fails.
pub(crate) fn map(path: *const c_char, length: usize) -> *mut c_void {
    const HERE: i64 = -100;
    const READ_WRITE_CLOEXEC: i64 = 2 | 0o2_000_000;
    // SAFETY: the path is a string of the environment.
    let fd = unsafe { call(number::OPEN_AT, [HERE, path as i64, READ_WRITE_CLOEXEC, 0, 0, 0]) };
    if fd < 0 {
        return core::ptr::null_mut();
    }
    // SAFETY: the kernel chooses where, so nothing of the program's is replaced; the descriptor
    // is ours, and the mapping outlives it.
    unsafe {
        let map = call(number::MMAP, [0, length as i64, 1 | 2, 1, fd, 0]);
        call(number::CLOSE, [fd, 0, 0, 0, 0, 0]);
        if map < 0 { core::ptr::null_mut() } else { map as *mut c_void }
    }
}

/// The value of the first variable that begins with `name`, which ends with `=`.
///
/// # Safety
/// `environment` is a list of strings that ends with a null pointer.
pub(crate) unsafe fn variable(
    mut environment: *const *const c_char,
    name: &[u8],
) -> Option<*const c_char> {
    if environment.is_null() {
        return None;
    }
    // SAFETY: the caller's promise; a string is read up to its first byte that differs, and so
    // never past its end, as `name` has no zero byte.
    unsafe {
        while !(*environment).is_null() {
            let text = *environment;
            if name.iter().enumerate().all(|(at, byte)| *text.add(at) as u8 == *byte) {
                return Some(text.add(name.len()));
            }
            environment = environment.add(1);
        }
    }
    None
}

/// The address of a symbol that the C library may lack; null where it does. Weak, since older C
/// libraries have these in a library that a program need not have loaded.
macro_rules! weak {
    ($symbol:literal) => {{
        let address: *mut c_void;
        #[cfg(target_arch = "x86_64")]
        // SAFETY: reads one entry of this library's own table of addresses.
        unsafe {
            asm!(concat!(".weak ", $symbol), concat!("mov {}, qword ptr [rip + ", $symbol, "@GOTPCREL]"),
                out(reg) address, options(nostack, readonly));
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: reads one entry of this library's own table of addresses.
        unsafe {
            asm!(concat!(".weak ", $symbol), concat!("adrp {0}, :got:", $symbol),
                concat!("ldr {0}, [{0}, :got_lo12:", $symbol, "]"),
                out(reg) address, options(nostack, readonly));
        }
        address
    }};
}

/// The C library's own function of this name, looked up once. Both end with a zero byte.
///
/// Before glibc 2.36, `dlsym` gives the oldest version of a function that has several (its bug
/// 14932). For condition variables that is one for another layout of them: so the version is named.
/// Where there is none of that name, as on other processors and in musl, there is only one.
pub(crate) fn next(
    known: &AtomicPtr<c_void>,
    name: &'static [u8],
    version: &'static [u8],
) -> Option<*mut c_void> {
    type Lookup = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    type Versioned = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_char) -> *mut c_void;
    /// The next library after this one.
    const NEXT: *mut c_void = -1_isize as *mut c_void;
    let before = known.load(Ordering::Acquire);
    if !before.is_null() {
        return Some(before);
    }
    let mut found: *mut c_void = core::ptr::null_mut();
    let (versioned, lookup) = (weak!("dlvsym"), weak!("dlsym"));
    if !versioned.is_null() {
        // SAFETY: this is dlvsym, whose signature this is.
        found = unsafe {
            let lookup = core::mem::transmute::<*mut c_void, Versioned>(versioned);
            lookup(NEXT, name.as_ptr().cast(), version.as_ptr().cast())
        };
    }
    if found.is_null() && !lookup.is_null() {
        // SAFETY: this is dlsym, whose signature this is.
        found = unsafe {
            let lookup = core::mem::transmute::<*mut c_void, Lookup>(lookup);
            lookup(NEXT, name.as_ptr().cast())
        };
    }
    known.store(found, Ordering::Release);
    (!found.is_null()).then_some(found)
}
