/** A short notice to whoever looks at the page; who is given one need not know where it shows. */

export type Tone = "good" | "bad" | "plain";
export type Tell = (title: string, detail?: string, tone?: Tone) => void;
