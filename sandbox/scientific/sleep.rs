//! Sleep, which must let the time limit end a cell, and which a cell that is run
//! again need not do again.

use super::host::Host;
use std::time::Duration;
use tokio::time;
use wasmtime::{Caller, Extern, Linker};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock,
    p1::{
        types::{
            Clockid, Errno, Event, EventFdReadwrite, Eventrwflags, Eventtype, Subclockflags,
            Subscription, SubscriptionClock, SubscriptionU,
        },
        wasi_snapshot_preview1::{self as calls, WasiSnapshotPreview1 as _},
    },
};
use wiggle::{GuestMemory, GuestPtr};

/// Replaces `poll_oneoff`, which for one timer alone would block this thread.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.func_wrap_async(
        "wasi_snapshot_preview1",
        "poll_oneoff",
        |mut caller: Caller<'_, Host>, (asked, events, count, happened): (i32, i32, i32, i32)| {
            Box::new(async move {
                let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
                    wasmtime::bail!("the guest exports no memory");
                };
                let fuel = wasmtime::AsContextMut::as_context_mut(&mut caller).hostcall_fuel();
                let (bytes, host) = memory.data_and_store_mut(&mut caller);
                let mut memory = GuestMemory::Unshared(bytes);
                if count == 1 {
                    let asked = GuestPtr::<Subscription>::new(asked.cast_unsigned());
                    let Subscription { userdata, u } = memory.read(asked)?;
                    if let SubscriptionU::Clock(timer) = u {
                        time::sleep(duration(host, &timer)).await;
                        let event = Event {
                            userdata,
                            error: Errno::Success,
                            type_: Eventtype::Clock,
                            fd_readwrite: EventFdReadwrite {
                                nbytes: 0,
                                flags: Eventrwflags::empty(),
                            },
                        };
                        memory.write(GuestPtr::new(events.cast_unsigned()), event)?;
                        memory.write(GuestPtr::new(happened.cast_unsigned()), 1_u32)?;
                        return Ok(0);
                    }
                }
                host.wasi.set_hostcall_fuel(fuel);
                calls::poll_oneoff(&mut host.wasi, &mut memory, asked, events, count, happened)
                    .await
            })
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// How long a timer has to go.
fn duration(host: &Host, timer: &SubscriptionClock) -> Duration {
    let wanted = Duration::from_nanos(timer.timeout);
    let absolute = timer
        .flags
        .contains(Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME);
    let left = match timer.id {
        _ if !absolute => wanted,
        Clockid::Realtime => wanted.saturating_sub(HostWallClock::now(&host.controls.recorder)),
        _ => wanted.saturating_sub(Duration::from_nanos(HostMonotonicClock::now(
            &host.controls.recorder,
        ))),
    };
    if host.controls.recorder.replays() {
        Duration::ZERO
    } else {
        left
    }
}
