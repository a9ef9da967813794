import { types } from 'node:util';

/**
 * Jest runs tests in a realm of their own, where a socket error of Node's is no `instanceof Error`. The SDK then wraps it,
 * loses its name and does not retry, which it does outside of Jest. Importing this file makes Node's errors count.
 */
const ordinary = Function.prototype[Symbol.hasInstance];

Object.defineProperty(Error, Symbol.hasInstance, {
  value(this: unknown, candidate: unknown): boolean {
    return ordinary.call(this as typeof Error, candidate) || (this === Error && types.isNativeError(candidate));
  },
});
