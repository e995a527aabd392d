/** A short notice to whoever looks at the page; who is given one need not know where it shows. */

export type Tone = "good" | "bad" | "plain";
/** What a notice is about. */
export type NoticeKind = "order" | "fill" | "reject" | "alert" | "money" | "connection" | "other";
export type Tell = (title: string, detail?: string, tone?: Tone, kind?: NoticeKind) => void;
