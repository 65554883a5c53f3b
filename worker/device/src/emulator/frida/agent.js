// SPDX-License-Identifier: Apache-2.0
//
// Runs inside of the app, in Frida's runtime, and tells what the app does with ciphers, TLS, sockets, cameras and microphones: one
// line of JSON each, on the standard output of `frida-inject`. The app shares this process, so all of it is the app's word; it is
// read as such by `worker/device/src/emulator/frida/lines.rs`, which is the contract of these lines.
//
// Rules: the app's call is made exactly once and its outcome is the app's, whatever happens here; what is told has limits; a class
// that is not there is told as not hooked. Needs nothing of Android: on another Java only what both have is hooked.
'use strict';

(function () {
  const VERSION = 1;
  /** Bytes of a piece before Base64, of one message's side, and of all. */
  const PIECE = 24 * 1024, MESSAGE = 8 << 20, ALL = 64 << 20;
  /** Messages, connections and openings that are told, and messages that are open at a time. */
  const MESSAGES = 2000, EVENTS = 2000, OPEN = 256;
  /** Frames of a stack, and characters of a text. */
  const FRAMES = 8, TEXT = 200;
  /** A stream's message ends when nothing was written for so long, milliseconds. */
  const QUIET = 1000;
  /** Whose frames are not the app's own. */
  const FRAMEWORK = /^(java|javax|jdk|sun|android|androidx|dalvik|libcore|kotlin|kotlinx|com\.android|com\.sun|org\.conscrypt)\./;

  const pid = Process.id;
  const symbol = (name) => {
    if (typeof Module.getGlobalExportByName === 'function') return Module.getGlobalExportByName(name); // Frida 17
    return Module.getExportByName(null, name);
  };
  const uptime = (function () {
    try {
      const clock = new NativeFunction(symbol('clock_gettime'), 'int', ['int', 'pointer']);
      const width = Process.pointerSize;
      const at = Memory.alloc(2 * width);
      const BOOTTIME = 7;
      return () => {
        if (clock(BOOTTIME, at) !== 0) return null;
        const of = (p) => Number(width === 8 ? p.readS64() : p.readS32());
        return of(at) * 1000 + Math.floor(of(at.add(width)) / 1e6);
      };
    } catch (e) {
      return () => null;
    }
  })();

  const tell = (kind, fields) => {
    const line = JSON.stringify(Object.assign({ v: VERSION, p: pid, t: uptime(), k: kind }, fields));
    // In this form `frida-inject` writes it as it is, and at once.
    send(['frida:stdout', line + '\n']);
  };
  const short = (x) => String(x).slice(0, TEXT);

  if (typeof Java === 'undefined' || !Java.available) {
    const why = typeof Java === 'undefined' ? 'this Frida has no Java bridge of its own' : 'this process has no Java';
    tell('hello', { frida: Frida.version, java: false, why });
    return;
  }
  tell('hello', { frida: Frida.version, java: true });

  let bytesTold = 0, messagesTold = 0, eventsTold = 0, number = 0;
  /** What was not told, by what it is. */
  const lost = {};
  const lose = (what) => { lost[what] = (lost[what] || 0) + 1; };
  setInterval(() => {
    for (const what of Object.keys(lost)) {
      tell('lost', { what, count: lost[what] });
      delete lost[what];
    }
  }, 2000);

  const event = (kind, fields) => {
    if (++eventsTold > EVENTS) lose('events');
    else tell(kind, fields);
  };

  const hooks = () => {
    const hooked = [], missing = {};
    const Encoder = Java.use('java.util.Base64').getEncoder();
    const Arrays = Java.use('java.util.Arrays');
    const System = Java.use('java.lang.System');
    const Thread = Java.use('java.lang.Thread');
    const part = Arrays.copyOfRange.overload('[B', 'int', 'int');
    const base64 = (bytes) => Encoder.encodeToString(bytes);

    /** The app's own frames, innermost first. */
    const stack = () => {
      const own = [];
      for (const frame of Thread.currentThread().getStackTrace()) {
        const name = frame.getClassName();
        if (FRAMEWORK.test(name)) continue;
        own.push(short(`${name}.${frame.getMethodName()}:${frame.getLineNumber()}`));
        if (own.length === FRAMES) break;
      }
      return own;
    };

    /** Puts `after` behind (and `before` in front of) every overload of a method. What these throw is nobody's. */
    const wrap = (type, method, { before, after, only }) => {
      const all = type[method].overloads.filter((o) => only === undefined || only(o.argumentTypes.map((t) => t.className)));
      if (all.length === 0) throw new Error(`no ${method} of a known form`);
      for (const overload of all) {
        const types = overload.argumentTypes.map((t) => t.className);
        overload.implementation = function (...args) {
          let held;
          try { if (before) held = before(this, args, types); } catch (e) { lose('hook'); }
          const result = overload.apply(this, args);
          try { if (after) after(this, args, types, result, held); } catch (e) { lose('hook'); }
          return result;
        };
      }
    };

    // ---- messages: what goes in and comes out of a cipher or a stream, in pieces

    const begin = (fields) => {
      if (messagesTold >= MESSAGES) {
        lose('messages');
        return null;
      }
      messagesTold++;
      return Object.assign({ n: ++number, sizes: { plain: 0, cipher: 0 }, over: false, last: 0, told: false, stack: stack() }, fields);
    };
    /** `bytes` is an array of Java, or null. */
    const piece = (m, side, bytes, from, length) => {
      if (m === null || bytes === null || length <= 0 || m.over) return;
      if (m.sizes[side] + length > MESSAGE || bytesTold + length > ALL) {
        m.over = true;
        return;
      }
      m.sizes[side] += length;
      m.last = Date.now();
      bytesTold += length;
      if (!m.told) tell('begin', { n: m.n, algorithm: m.algorithm, operation: m.operation, stack: m.stack });
      m.told = true;
      for (let at = 0; at < length; at += PIECE) {
        const end = Math.min(length, at + PIECE);
        tell('piece', { n: m.n, side, data: base64(part.call(Arrays, bytes, from + at, from + end)) });
      }
    };
    const end = (m) => {
      if (m !== null && m.told) tell('end', { n: m.n, over: m.over });
    };

    // ---- javax.crypto

    const cipher = () => {
      const Cipher = Java.use('javax.crypto.Cipher');
      /** By the identity of the cipher: its mode and its message. */
      const known = new Map();
      /** Of a cipher that was begun before we came. */
      const modeOf = (c) => {
        try { return c.opmode.value; } catch (e) { return 0; }
      };
      const state = (c) => {
        const id = System.identityHashCode(c);
        let s = known.get(id);
        if (s === undefined) {
          if (known.size >= OPEN) known.delete(known.keys().next().value);
          known.set(id, (s = { mode: modeOf(c), message: undefined }));
        }
        return s;
      };
      const message = (c, s) => {
        if (s.message === undefined) {
          s.message = begin({ algorithm: short(c.getAlgorithm()), operation: s.mode === 2 ? 'decrypt' : 'encrypt' });
        }
        return s.message;
      };
      wrap(Cipher, 'init', {
        after: (c, args) => {
          const s = state(c);
          if (s.message !== undefined) end(s.message);
          s.mode = args[0];
          s.message = undefined;
        },
      });
      /** Where in a call input and output stand, by its types. */
      const forms = {
        '': {},
        '[B': { input: 0 },
        '[B,int': { output: 0, to: 1 },
        '[B,int,int': { input: 0, from: 1, length: 2 },
        '[B,int,int,[B': { input: 0, from: 1, length: 2, output: 3 },
        '[B,int,int,[B,int': { input: 0, from: 1, length: 2, output: 3, to: 4 },
      };
      const form = (types) => forms[types.join()];
      const both = (last) => ({
        only: (types) => form(types) !== undefined,
        // Input and output may be one array, so the input is told before.
        before: (c, args, types) => {
          const f = form(types), s = state(c), m = message(c, s);
          if (f.input === undefined) return m;
          const input = args[f.input];
          const length = f.length === undefined ? (input === null ? 0 : input.length) : args[f.length];
          piece(m, s.mode === 2 ? 'cipher' : 'plain', input, f.from === undefined ? 0 : args[f.from], length);
          return m;
        },
        after: (c, args, types, result, m) => {
          const f = form(types), s = state(c), side = s.mode === 2 ? 'plain' : 'cipher';
          if (m !== undefined && f.output !== undefined) piece(m, side, args[f.output], f.to === undefined ? 0 : args[f.to], result);
          else if (m !== undefined && result !== null) piece(m, side, result, 0, result.length);
          if (!last) return;
          if (m !== undefined) end(m);
          s.message = undefined;
        },
      });
      wrap(Cipher, 'update', both(false));
      wrap(Cipher, 'doFinal', both(true));
    };

    // ---- plain text of TLS, where the app writes it

    const STREAMS = [
      'com.android.org.conscrypt.ConscryptEngineSocket$SSLOutputStream',
      'com.android.org.conscrypt.ConscryptFileDescriptorSocket$SSLOutputStream',
      'com.android.org.conscrypt.OpenSSLSocketImpl$SSLOutputStream',
      'org.conscrypt.ConscryptEngineSocket$SSLOutputStream',
      'org.conscrypt.ConscryptFileDescriptorSocket$SSLOutputStream',
      'sun.security.ssl.SSLSocketImpl$AppOutputStream',
    ];
    const tls = () => {
      const streams = new Map();
      setInterval(() => {
        for (const [id, m] of streams) {
          if (Date.now() - m.last < QUIET) continue;
          streams.delete(id);
          end(m);
        }
      }, QUIET);
      const found = [];
      for (const name of STREAMS) {
        let type;
        try { type = Java.use(name); } catch (e) { continue; }
        wrap(type, 'write', {
          only: (types) => types.join() === '[B,int,int',
          after: (stream, [bytes, from, length]) => {
            const id = System.identityHashCode(stream);
            let m = streams.get(id);
            if (m === undefined) {
              if (streams.size >= OPEN) return lose('streams');
              m = begin({ algorithm: 'TLS', operation: 'encrypt' });
              if (m === null) return undefined;
              streams.set(id, m);
            }
            return piece(m, 'plain', bytes, from, length);
          },
        });
        found.push(name);
      }
      if (found.length === 0) throw new Error('no stream of TLS that is known');
    };

    // ---- sockets

    const socket = () => {
      const Address = Java.use('java.net.InetSocketAddress');
      wrap(Java.use('java.net.Socket'), 'connect', {
        only: (types) => types.join() === 'java.net.SocketAddress,int',
        after: (_, [address]) => {
          const to = Java.cast(address, Address);
          event('connect', { host: short(to.getHostString()), port: to.getPort(), stack: stack() });
        },
      });
    };

    // ---- cameras and microphones

    const opening = (sensor, api, id) => event('open', { sensor, api, id: short(id), stack: stack() });
    const camera1 = () => {
      wrap(Java.use('android.hardware.Camera'), 'open', {
        after: (_, args) => opening('camera', 'camera1', args.length === 0 ? '0' : args[0]),
      });
    };
    const camera2 = () => {
      wrap(Java.use('android.hardware.camera2.CameraManager'), 'openCamera', {
        only: (types) => types[0] === 'java.lang.String' && types.length === 3,
        after: (_, [id]) => opening('camera', 'camera2', id),
      });
    };
    const audioRecord = () => {
      wrap(Java.use('android.media.AudioRecord'), 'startRecording', { after: () => opening('microphone', 'audio_record', '') });
    };
    const mediaRecorder = () => {
      wrap(Java.use('android.media.MediaRecorder'), 'start', { after: () => opening('microphone', 'media_recorder', '') });
    };

    const all = { cipher, tls, socket, camera1, camera2, audio_record: audioRecord, media_recorder: mediaRecorder };
    for (const [name, install] of Object.entries(all)) {
      try {
        install();
        hooked.push(name);
      } catch (e) {
        missing[name] = short(e.message);
      }
    }
    tell('hooked', { hooked, missing });
  };

  Java.perform(() => {
    try {
      hooks();
    } catch (e) {
      tell('hooked', { hooked: [], missing: { all: short(e.message) } });
    }
  });
})();
