// What holds for every refusal of the gateway, whatever its cause and whichever SDK is refused.
import assert from "node:assert/strict";

import { Gateway } from "./gateway.mjs";
import { workspace } from "./manifests.mjs";

/**
 * Makes a call that is to be refused with this status: after one request, with nothing sent to a provider. The
 * call is given the `fetch` that its client is to use.
 */
export async function refused(gateway, status, call) {
  let requests = 0;
  const counted = (...request) => {
    requests += 1;
    return fetch(...request);
  };
  const error = await failing(call(counted));
  assert.equal(error.status, status, error.message);
  assert.equal(error.headers.get("x-should-retry"), "false");
  const record = await gateway.record(error.requestID);
  assert.equal(requests, 1);
  assert.equal(record.outcome, "refused");
  assert.equal(record.held, 0);
  assert.equal(record.settled, undefined);
  return error;
}

/** The error of a call that must not be answered. */
export function failing(call) {
  return call.then(
    () => assert.fail("it was answered"),
    (error) => error,
  );
}

/** A gateway whose key has a day of 1,234 tokens, for the time of a test. */
export async function withSmallBudget(test) {
  await waitForMidnightIfItIsNear();
  const gateway = await Gateway.simulating(workspace("\n  maxTokensPerDay: 1234"));
  try {
    await test(gateway);
    await gateway.stop();
  } finally {
    gateway.discard();
  }
}

/** A budget that is fresh between two calls would be right, and no test of a spent one. */
async function waitForMidnightIfItIsNear() {
  const left = 86_400_000 - (Date.now() % 86_400_000);
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left + 100));
}
