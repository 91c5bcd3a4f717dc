/** `admin` of `admin (key_2j6s…)`: the id is for those who ask for it. */
export const callerName = (caller: string): string => caller.replace(/ \(key_[0-9a-z]+\)$/, "");
