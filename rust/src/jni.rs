//! The border to the JVM: the only file with `unsafe` and the only one that knows `jni`.
//!
//! Each native method of `dev.impersonation.engine.Natives` is one line around a function that returns
//! a `Result`. Errors and panics become one `EngineException` with a code; what the method returns in
//! that case is never an answer. No thread of the engine attaches to the JVM.

use std::any::Any;
use std::panic::{catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use jni::errors::ErrorPolicy;
use jni::objects::{JByteArray, JByteBuffer, JClass, JString, JThrowable, JValue};
use jni::sys::{jboolean, jbyte, jint, jlong};
use jni::{Env, EnvUnowned, jni_sig, jni_str};
use thiserror::Error;
use zeroize::Zeroize as _;

use crate::VERSION;
use crate::config::{APIKEY, ConfigError};
use crate::engine::{Decided, Engine, Request};
use crate::expression::{self, ExpressionError};
use crate::log::Log;
use crate::panics;
use crate::reason::Reason;
use crate::wire::{self, WireError};

/// Requests up to this size are copied to the stack.
const SMALL: usize = 512;

/// An engine that Java holds a handle of. The place stays when the engine is closed, a few bytes, so
/// that a handle used too late finds an empty place instead of freed memory or somebody else's engine.
struct Place {
    engine: ArcSwapOption<Engine>,
    log: Arc<Log>,
}

/// The place of handle 1 is the first. Engines share nothing but this list.
static PLACES: boxcar::Vec<Place> = boxcar::Vec::new();

#[derive(Debug, Error)]
enum BoundaryError {
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    #[error("the engine is closed")]
    Closed,
    #[error("the request is malformed: {0}")]
    Request(#[from] WireError),
    #[error("{0}")]
    Expression(#[from] ExpressionError),
    #[error("the argument is null")]
    Null,
    #[error("the request has {0} bytes; {1} are the most")]
    TooLarge(usize, usize),
    #[error("{0}")]
    Jni(#[from] jni::errors::Error),
}

impl BoundaryError {
    /// The numbers of `EngineException.Code`.
    fn code(&self) -> jint {
        match self {
            BoundaryError::Configuration(_) => 1,
            BoundaryError::Closed => 2,
            BoundaryError::Request(_) | BoundaryError::Expression(_) | BoundaryError::Null => 3,
            BoundaryError::TooLarge(..) => 4,
            BoundaryError::Jni(_) => INTERNAL,
        }
    }
}

const INTERNAL: jint = 5;

fn open<'local>(_: &mut Env<'local>, properties: &[u8]) -> Result<jlong, BoundaryError> {
    panics::report();
    let mut properties = wire::read_properties(properties)?;
    let opened = Engine::open(&properties);
    if let Some(key) = properties.get_mut(APIKEY) {
        key.zeroize();
    }
    let engine = opened?;
    let index = PLACES.push(Place {
        log: engine.log(),
        engine: ArcSwapOption::from_pointee(engine),
    });
    Ok(index as jlong + 1)
}

fn place(handle: jlong) -> Result<&'static Place, BoundaryError> {
    handle
        .checked_sub(1)
        .and_then(|index| usize::try_from(index).ok())
        .and_then(|index| PLACES.get(index))
        .ok_or(BoundaryError::Closed)
}

/// The engine stays until this returns, even if it is closed meanwhile.
fn with_engine<T>(
    handle: jlong,
    use_engine: impl FnOnce(&Engine) -> Result<T, BoundaryError>,
) -> Result<T, BoundaryError> {
    match place(handle)?.engine.load().as_ref() {
        Some(engine) => use_engine(engine),
        None => Err(BoundaryError::Closed),
    }
}

fn check(handle: jlong, request: &Request<'_>) -> Result<jlong, BoundaryError> {
    with_engine(handle, |engine| {
        let Decided {
            reason,
            has_more_to_say,
            recorded,
        } = engine.decided(request);
        let micros = recorded.map_or(0, Timestamp::as_microsecond).max(0);
        // The code, the flag and the time in one number, of which the time is cut off where the clock is centuries wrong.
        Ok(micros << 9 | jlong::from(has_more_to_say) << 8 | jlong::from(reason.code()))
    })
}

fn bind(handle: jlong, request: &[u8]) -> Result<Vec<u8>, BoundaryError> {
    with_engine(handle, |engine| {
        let bound = engine.bind(&wire::read_request(request)?);
        Ok(wire::write_bound(&bound))
    })
}

fn refuse(handle: jlong, request: &[u8]) -> Result<jint, BoundaryError> {
    with_engine(handle, |engine| {
        let reason = engine.refuse(&wire::read_request(request)?);
        Ok(jint::from(reason.code()))
    })
}

fn explain(handle: jlong, code: jint, request: &[u8]) -> Result<String, BoundaryError> {
    with_engine(handle, |engine| {
        let reason = u8::try_from(code)
            .ok()
            .and_then(Reason::from_code)
            .ok_or(WireError::UnknownValue("reason"))?;
        Ok(engine
            .explain(reason, &wire::read_request(request)?)
            .into_owned())
    })
}

/// Needs no engine: whom the expression is to mean has been decided.
fn for_user(expression: &[u8]) -> Result<String, BoundaryError> {
    let wire::Expression { text, user, groups } = wire::read_expression(expression)?;
    Ok(expression::for_user(text, user, &groups)?.into_owned())
}

fn is_admin(handle: jlong, caller: &[u8]) -> Result<bool, BoundaryError> {
    with_engine(handle, |engine| {
        Ok(engine.is_admin(&wire::read_caller(caller)?))
    })
}

fn flush(handle: jlong, flush: &[u8]) -> Result<bool, BoundaryError> {
    with_engine(handle, |engine| {
        let (caller, user) = wire::read_flush(flush)?;
        Ok(engine.flush_for(&caller, user.as_ref()))
    })
}

/// Works on a closed engine, too: closing it may leave something to say.
fn drain_log(handle: jlong) -> Result<Vec<u8>, BoundaryError> {
    let place = place(handle)?;
    if let Some(engine) = place.engine.load().as_ref() {
        engine.look_at_audit();
    }
    let mut messages = panics::drain();
    messages.extend(place.log.drain());
    Ok(wire::write_messages(&messages))
}

fn close(handle: jlong) -> Result<(), BoundaryError> {
    if let Some(engine) = place(handle)?.engine.swap(None) {
        engine.close();
    }
    Ok(())
}

fn record_query(handle: jlong, query: &[u8]) -> Result<(), BoundaryError> {
    with_engine(handle, |engine| {
        engine.record_query(wire::read_ended_query(query)?);
        Ok(())
    })
}

/// Copies a Java array and hands the bytes on.
fn with_bytes<'local, T>(
    env: &mut Env<'local>,
    array: &JByteArray<'local>,
    limit: usize,
    use_bytes: impl FnOnce(&mut Env<'local>, &[u8]) -> Result<T, BoundaryError>,
) -> Result<T, BoundaryError> {
    if array.is_null() {
        return Err(BoundaryError::Null);
    }
    let length = array.len(env)?;
    if length > limit {
        return Err(BoundaryError::TooLarge(length, limit));
    }
    let mut small = [0 as jbyte; SMALL];
    let mut large = Vec::new();
    let bytes = if length <= SMALL {
        &mut small[..length]
    } else {
        large.resize(length, 0);
        large.as_mut_slice()
    };
    array.get_region(env, 0, bytes)?;
    // SAFETY: i8 and u8 have the same size and alignment and no invalid values, and the slice lives
    // as long as the call.
    let bytes = unsafe { slice::from_raw_parts(bytes.as_ptr().cast::<u8>(), bytes.len()) };
    use_bytes(env, bytes)
}

/// Hands on the request that a Java thread has written into its `RequestBuffer`. Nothing is left of it there
/// afterwards: threads live long, and nobody's names are to stay with them.
fn with_memory<T>(
    address: jlong,
    length: jint,
    use_request: impl FnOnce(&Request<'_>) -> Result<T, BoundaryError>,
) -> Result<T, BoundaryError> {
    // A negative length is larger than any.
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > wire::MOST_UNITS {
        return Err(BoundaryError::TooLarge(length, wire::MOST_UNITS));
    }
    let memory = NonNull::new(address as *mut u16)
        .filter(|memory| memory.is_aligned())
        .ok_or(BoundaryError::Null)?;
    // SAFETY: `RequestBuffer`, the only caller, passes the beginning of `MOST_UNITS` initialised characters that it
    // owns and keeps while it calls, and which no other thread knows of.
    let units = unsafe { slice::from_raw_parts_mut(memory.as_ptr(), length) };
    let mut room = wire::Room::default();
    let request = wire::read_units(units, &mut room);
    units.fill(0);
    match &request {
        Ok(request) => use_request(request),
        Err(error) => Err((*error).into()),
    }
}

/// Throws an `EngineException`. The value that the native method returns is not seen then.
struct ThrowEngineException;

impl<T: Default> ErrorPolicy<T, BoundaryError> for ThrowEngineException {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        (): &mut (),
        error: BoundaryError,
    ) -> jni::errors::Result<T> {
        throw(env, error.code(), &error.to_string())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        (): &mut (),
        payload: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text")
            .to_owned();
        // Dropping a payload may panic, too.
        std::mem::forget(payload);
        throw(env, INTERNAL, &format!("the engine panicked: {text}"))
    }
}

fn throw<T: Default>(env: &mut Env<'_>, code: jint, message: &str) -> jni::errors::Result<T> {
    if env.exception_check() {
        return Ok(T::default());
    }
    let message = JString::from_str(env, message)?;
    let exception = env.new_object(
        jni_str!("dev/impersonation/engine/EngineException"),
        jni_sig!("(ILjava/lang/String;)V"),
        &[JValue::Int(code), JValue::Object(message.as_ref())],
    )?;
    let exception = env.cast_local::<JThrowable>(exception)?;
    // Throwing always comes back as an error that says that an exception is pending.
    let _ = env.throw(exception);
    Ok(T::default())
}

/// `byte[] reasons()`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_reasons<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| Ok(env.byte_array_from_slice(&wire::write_reasons())?))
        .resolve::<ThrowEngineException>()
}

/// `String version()`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_version<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
) -> JString<'local> {
    env.with_env(|env| Ok(JString::from_str(env, VERSION)?))
        .resolve::<ThrowEngineException>()
}

/// `long open(byte[] properties)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_open<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    properties: JByteArray<'local>,
) -> jlong {
    env.with_env(|env| with_bytes(env, &properties, wire::MAX_REQUEST, open))
        .resolve::<ThrowEngineException>()
}

/// `long check(long handle, byte[] request)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_check<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    request: JByteArray<'local>,
) -> jlong {
    env.with_env(|env| {
        with_bytes(env, &request, wire::MAX_REQUEST, |_, bytes| {
            check(handle, &wire::read_request(bytes)?)
        })
    })
    .resolve::<ThrowEngineException>()
}

/// `long checkAt(long handle, long address, int length)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_checkAt<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    address: jlong,
    length: jint,
) -> jlong {
    // What `with_env` does first costs as much as a decision, and only a failure needs it.
    let decided = catch_unwind(|| with_memory(address, length, |request| check(handle, request)));
    match decided {
        Ok(Ok(code)) => code,
        failed => env
            .with_env(|_| failed.unwrap_or_else(|payload| resume_unwind(payload)))
            .resolve::<ThrowEngineException>(),
    }
}

/// `long address(ByteBuffer memory)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_address<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    memory: JByteBuffer<'local>,
) -> jlong {
    env.with_env(|env| -> Result<_, BoundaryError> {
        Ok(env.get_direct_buffer_address(&memory)? as jlong)
    })
    .resolve::<ThrowEngineException>()
}

/// `byte[] bind(long handle, byte[] request)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_bind<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    request: JByteArray<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let bound = with_bytes(env, &request, wire::MAX_REQUEST, |_, bytes| {
            bind(handle, bytes)
        })?;
        Ok(env.byte_array_from_slice(&bound)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `int refuse(long handle, byte[] request)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_refuse<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    request: JByteArray<'local>,
) -> jint {
    env.with_env(|env| {
        with_bytes(env, &request, wire::MAX_REQUEST, |_, bytes| {
            refuse(handle, bytes)
        })
    })
    .resolve::<ThrowEngineException>()
}

/// `String explain(long handle, int code, byte[] request)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_explain<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    code: jint,
    request: JByteArray<'local>,
) -> JString<'local> {
    env.with_env(|env| {
        let sentence = with_bytes(env, &request, wire::MAX_REQUEST, |_, bytes| {
            explain(handle, code, bytes)
        })?;
        Ok(JString::from_str(env, sentence)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `String forUser(byte[] expression)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_forUser<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    expression: JByteArray<'local>,
) -> JString<'local> {
    env.with_env(|env| {
        let rewritten = with_bytes(env, &expression, wire::MAX_REQUEST, |_, bytes| {
            for_user(bytes)
        })?;
        Ok(JString::from_str(env, rewritten)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `byte[] drainLog(long handle)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_drainLog<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| Ok(env.byte_array_from_slice(&drain_log(handle)?)?))
        .resolve::<ThrowEngineException>()
}

/// `byte[] metrics(long handle)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_metrics<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let packed = with_engine(handle, |engine| Ok(wire::write_metrics(&engine.metrics())))?;
        Ok(env.byte_array_from_slice(&packed)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `byte[] decisions(long handle, byte[] viewer)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_decisions<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    viewer: JByteArray<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let packed = with_bytes(env, &viewer, wire::MAX_REQUEST, |_, bytes| {
            with_engine(handle, |engine| {
                let viewer = wire::read_viewer(bytes)?;
                Ok(wire::write_past(&engine.decisions(viewer.as_ref())))
            })
        })?;
        Ok(env.byte_array_from_slice(&packed)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `byte[] remembered(long handle)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_remembered<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let packed = with_engine(handle, |engine| {
            Ok(wire::write_remembered(&engine.remembered()))
        })?;
        Ok(env.byte_array_from_slice(&packed)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `byte[] settings(long handle)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_settings<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let packed = with_engine(handle, |engine| Ok(wire::write_settings(engine.settings())))?;
        Ok(env.byte_array_from_slice(&packed)?)
    })
    .resolve::<ThrowEngineException>()
}

/// `boolean isAdmin(long handle, byte[] caller)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_isAdmin<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    caller: JByteArray<'local>,
) -> jboolean {
    env.with_env(|env| {
        with_bytes(env, &caller, wire::MAX_REQUEST, |_, bytes| {
            is_admin(handle, bytes)
        })
    })
    .resolve::<ThrowEngineException>()
}

/// `boolean flush(long handle, byte[] arguments)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_flush<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    arguments: JByteArray<'local>,
) -> jboolean {
    env.with_env(|env| {
        with_bytes(env, &arguments, wire::MAX_REQUEST, |_, bytes| {
            flush(handle, bytes)
        })
    })
    .resolve::<ThrowEngineException>()
}

/// `void close(long handle)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_close<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
) {
    env.with_env(|_| close(handle))
        .resolve::<ThrowEngineException>();
}

/// `void recordQuery(long handle, byte[] query)`
// SAFETY: the name is that of a method of our own class, so nothing else has it.
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_Natives_recordQuery<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    handle: jlong,
    query: JByteArray<'local>,
) {
    env.with_env(|env| {
        with_bytes(env, &query, wire::MAX_ENDED_QUERY, |_, bytes| {
            record_query(handle, bytes)
        })
    })
    .resolve::<ThrowEngineException>();
}

/// `void panic(int kind)` of the test class `BoundaryProbe`
// SAFETY: the name is that of a method of our own test class, so nothing else has it.
#[cfg(feature = "boundary-test")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_BoundaryProbe_panic<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    kind: jint,
) {
    env.with_env(|_| -> Result<(), BoundaryError> {
        match kind {
            0 => std::panic::panic_any("a plain text"),
            1 => std::panic::panic_any("a text made at run time".to_owned()),
            _ => std::panic::panic_any(kind),
        }
    })
    .resolve::<ThrowEngineException>();
}

/// `byte[] match(byte[] question)` of the test class `BoundaryProbe`
// SAFETY: the name is that of a method of our own test class, so nothing else has it.
#[cfg(feature = "boundary-test")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_engine_BoundaryProbe_match<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    question: JByteArray<'local>,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let answer = with_bytes(env, &question, wire::MAX_REQUEST, |_, bytes| {
            Ok(match_names(bytes))
        })?;
        Ok(env.byte_array_from_slice(&answer)?)
    })
    .resolve::<ThrowEngineException>()
}

/// Answers a pattern and names, in JSON, with what each name's match captured, or with why the pattern
/// is refused.
#[cfg(feature = "boundary-test")]
fn match_names(question: &[u8]) -> Vec<u8> {
    use crate::name::Folding;
    use crate::pattern::Pattern;

    // Only tests call this, and a panic fails them.
    let (pattern, names): (String, Vec<String>) =
        serde_json::from_slice(question).expect("the question is JSON");
    let answer = match Pattern::new(&pattern, Folding::Exact) {
        Ok(pattern) => {
            let groups = 1..=pattern.group_count();
            serde_json::json!({
                "exact": groups.clone().map(|group| pattern.captures_as_in_java(group)).collect::<Vec<_>>(),
                "found": names.iter().map(|name| {
                    // Matching alone takes another way through `regex`, and is what administrators need.
                    let captures = pattern.matches(name).then(|| pattern.captures(name))??;
                    let text = |group| captures.get(group).map(|found| found.as_str());
                    Some(groups.clone().map(text).collect::<Vec<_>>())
                }).collect::<Vec<_>>(),
            })
        }
        Err(error) => error.to_string().into(),
    };
    answer.to_string().into_bytes()
}

/// `void nothing()` of the benchmark `Crossing`
// SAFETY: the name is that of a method of our own benchmark, so nothing else has it.
#[cfg(feature = "boundary-test")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_bench_Crossing_nothing<'local>(
    _env: EnvUnowned<'local>,
    _class: JClass<'local>,
) {
}

/// `boolean knows(byte[] names)` of the benchmark `Crossing`: the least that a check could be, which copies
/// what it is asked and looks one name up.
// SAFETY: the name is that of a method of our own benchmark, so nothing else has it.
#[cfg(feature = "boundary-test")]
#[unsafe(no_mangle)]
pub extern "system" fn Java_dev_impersonation_bench_Crossing_knows<'local>(
    mut env: EnvUnowned<'local>,
    _class: JClass<'local>,
    names: JByteArray<'local>,
) -> jboolean {
    env.with_env(|env| {
        with_bytes(env, &names, wire::MAX_REQUEST, |_, names| {
            Ok(names
                .get(..CROSSING_NAME)
                .is_some_and(|name| CROSSING_NAMES.contains(name)))
        })
    })
    .resolve::<ThrowEngineException>()
}

/// The length of the names that the benchmark asks for.
#[cfg(feature = "boundary-test")]
const CROSSING_NAME: usize = 21;

/// Those who may impersonate in the benchmarks.
#[cfg(feature = "boundary-test")]
static CROSSING_NAMES: std::sync::LazyLock<
    std::collections::HashSet<Vec<u8>, foldhash::fast::RandomState>,
> = std::sync::LazyLock::new(|| {
    (0..100)
        .map(|number| format!("svc_{number:04}@corp.example").into_bytes())
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Properties;
    use std::fs;
    use std::thread;
    use tempfile::TempDir;

    /// An engine that knows nobody but this user, who may impersonate, and his handle.
    fn place_of(user: &str, folder: &TempDir) -> jlong {
        let policy = folder.path().join(user);
        let json = format!(
            r#"{{"users": [{{"name": "{user}", "permissions": ["IMPERSONATE_USER"]}}, {{"name": "alice"}}]}}"#
        );
        fs::write(&policy, json).unwrap();
        let properties = Properties::from([
            (
                "immuta.impersonation.policy-file".to_owned(),
                policy.display().to_string(),
            ),
            ("immuta.impersonation.audit.file".to_owned(), String::new()),
        ]);
        let engine = Engine::open(&properties).unwrap();
        let index = PLACES.push(Place {
            log: engine.log(),
            engine: ArcSwapOption::from_pointee(engine),
        });
        index as jlong + 1
    }

    #[test]
    fn a_handle_leads_to_its_own_engine_until_that_is_closed_whatever_others_open_and_close() {
        let folder = TempDir::new().unwrap();
        thread::scope(|scope| {
            for number in 0..4 {
                let folder = &folder;
                scope.spawn(move || {
                    for turn in 0..4 {
                        let user = format!("svc-{number}-{turn}");
                        let handle = place_of(&user, folder);
                        let asked = check(handle, &Request::new(&user, "alice")).unwrap();
                        assert_eq!(asked, jlong::from(Reason::Permission.code()));
                        let stranger = check(handle, &Request::new("svc", "alice")).unwrap();
                        assert_eq!(stranger, jlong::from(Reason::UnknownUser.code()));
                        close(handle).unwrap();
                        let closed = check(handle, &Request::new(&user, "alice"));
                        assert!(matches!(closed, Err(BoundaryError::Closed)));
                    }
                });
            }
        });
        for never in [0, -1, jlong::MIN, jlong::MAX, 1 << 40] {
            assert!(
                matches!(place(never), Err(BoundaryError::Closed)),
                "{never}"
            );
        }
    }
}
