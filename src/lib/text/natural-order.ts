/** Compares texts as people count: `r[9]` before `r[10]`. A total order: only equal texts compare as 0. */
export function compareNaturally(a: string, b: string): number {
  let left = 0;
  let right = 0;
  while (left < a.length && right < b.length) {
    const [leftEnd, rightEnd] = [endOfDigits(a, left), endOfDigits(b, right)];
    const isNumber = leftEnd > left && rightEnd > right;
    const order = isNumber
      ? compareDigits(a.slice(left, leftEnd), b.slice(right, rightEnd))
      : a.charCodeAt(left) - b.charCodeAt(right);
    if (order !== 0) return order;
    left = isNumber ? leftEnd : left + 1;
    right = isNumber ? rightEnd : right + 1;
  }
  return a.length - left - (b.length - right) || (a < b ? -1 : a > b ? 1 : 0);
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  while (end < text.length && isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** By what they are worth, whatever zeros stand in front. */
function compareDigits(a: string, b: string): number {
  const [left, right] = [a.replace(/^0+(?=\d)/, ""), b.replace(/^0+(?=\d)/, "")];
  return left.length - right.length || (left < right ? -1 : left > right ? 1 : 0);
}
