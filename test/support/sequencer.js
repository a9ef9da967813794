const { default: Sequencer } = require('@jest/test-sequencer');

/** Folders whose tests live through whole lifecycles: minutes, where others take seconds. */
const LONG = /[/\\]test[/\\](offboarding|lifecycle|doctor)[/\\]|replay\.test/;

/**
 * Long tests first, so that no worker is left alone with one at the end. Jest does this by the times of earlier runs; a
 * machine that has none, as in CI, would go by size, which says nothing here.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    if (sorted.some(({ duration }) => duration !== undefined)) return sorted;
    const isLong = ({ path }) => LONG.test(path);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
};
