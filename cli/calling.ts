/** Turns what a call throws into what the user can do about it. @param repeat how the user makes the call again */
export type Calling = <T>(what: string, repeat: string, call: () => Promise<T>) => Promise<T>;
