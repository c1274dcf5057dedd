import fc from 'fast-check';
import t from 'tap';
import { uuidFrom } from '../../src/oauth/uuid.js';

t.test('16 bytes become a version 4 UUID (RFC 9562 §5.4)', async (t) => {
  // RFC 9562 Appendix A.3.
  const bytes = Uint8Array.from(Buffer.from('919108f752d133205bacf847db4148a8', 'hex'));
  t.equal(uuidFrom(bytes), '919108f7-52d1-4320-9bac-f847db4148a8');
  t.equal(uuidFrom(new Uint8Array(16)), '00000000-0000-4000-8000-000000000000');
  t.equal(uuidFrom(new Uint8Array(16).fill(255)), 'ffffffff-ffff-4fff-bfff-ffffffffffff');
});

t.test('whatever the bytes: the version is 4, the variant 10, and 122 bits stay as they were', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const uuid = uuidFrom(bytes);
      const back = Buffer.from(uuid.replaceAll('-', ''), 'hex');
      const kept = bytes.every((byte, i) => {
        const mask = i === 6 ? 0x0f : i === 8 ? 0x3f : 0xff;
        return ((back[i] ?? 0) & mask) === (byte & mask);
      });
      return kept && /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid);
    }),
  );
});

t.test('the random bytes are not changed, and only 16 of them are used', async (t) => {
  const bytes = new Uint8Array(20).fill(255);
  const uuid = uuidFrom(bytes);
  t.strictSame(bytes, new Uint8Array(20).fill(255));
  t.equal(uuid, uuidFrom(bytes.subarray(0, 16)));
});
