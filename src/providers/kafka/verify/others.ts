import type { Cell } from "../../../model/plan.ts";
import type { Link } from "../connection.ts";
import type { DesiredUser } from "../desired.ts";
import { refText } from "../mark.ts";
import {
  leadersOf,
  tryAcls,
  tryAlter,
  tryCreate,
  tryDelete,
  tryGroup,
  tryPasswords,
  tryRead,
  trySee,
  tryTransactionalId,
  tryWrite,
} from "./attempts.ts";
import { combine, type Outcome, toCell } from "./outcome.ts";

/** The end of names that nobody uses. */
const NOBODYS = "g2p-none";

/** How a cell names who tries: the instance, or the access. */
export function fromText(user: DesiredUser): string {
  const { sandbox, instance } = user.ref;
  return user.kind === "access" ? refText(user.ref) : `${sandbox}/${instance}`;
}

/**
 * One login tries everything of the others, most of it with one request for all of them, and refused by each for itself. What an
 * access may is expected to be allowed, and nothing beside it.
 */
export async function tryOthers(link: Link, user: DesiredUser, others: readonly DesiredUser[]): Promise<Cell[]> {
  const owners = others.filter((other) => other.kind === "topics");
  const topics = new Map(owners.map((owner) => [owner, [...topicNames(owner), `${owner.prefixes.topics}${NOBODYS}`]]));
  const used = new Set(Object.values(user.uses));
  const strange = [...topics.values()].flat().filter((name) => !used.has(name));
  const nobodys = owners.map((owner) => `${owner.prefixes.topics}${NOBODYS}`);
  const [read, write, create, remove, alter, see, password] = await Promise.all([
    tryRead(link, strange),
    tryWrite(link, strange),
    tryCreate(link, nobodys),
    tryDelete(link, nobodys),
    tryAlter(link, [...strange, ...used]),
    trySee(link, strange),
    tryPasswords(
      link,
      others.map((other) => other.user),
    ),
  ]);
  const from = fromText(user);
  const cells: Cell[] = [];
  for (const other of others) {
    const to = refText(other.ref);
    const cell = (attempt: string, names: readonly string[], outcomes: ReadonlyMap<string, Outcome>) => {
      const found = names.map((name) => outcomes.get(name) ?? NO_ANSWER);
      if (names.length > 0) cells.push(toCell({ from, to, attempt }, "refused", combine("refused", found)));
    };
    const all = topics.get(other) ?? [];
    const closed = all.filter((name) => !used.has(name));
    cell("read topics", closed, read);
    cell("write topics", closed, write);
    cell("list topics", closed, see);
    const nobodysOf = all.slice(-1);
    cell("create topics", nobodysOf, create);
    cell("delete topics", nobodysOf, remove);
    cell("change topics' settings", all, alter);
    cell("change the password", [other.user], password);
    if (!isSameInstance(user, other)) cells.push(...(await tryPrefixes(link, other, from, to)));
  }
  return cells;
}

/** What a login may do with the topics it uses, and what it may not: its own settings, the other direction, the cluster's rules. */
export async function tryUsed(link: Link, user: DesiredUser): Promise<Cell[]> {
  const from = fromText(user);
  const to = refText(user.mark.target ?? user.ref);
  const topics = Object.values(user.uses);
  const leaders = await leadersOf(link, topics);
  const expected = (mode: "read" | "write") => (user.mode === mode || user.mode === "both" ? "allowed" : "refused");
  const cells: Cell[] = [];
  for (const [word, topic] of Object.entries(user.uses)) {
    const read = (await tryRead(link, [topic], leaders.get(topic))).get(topic) ?? NO_ANSWER;
    const write = (await tryWrite(link, [topic], leaders.get(topic))).get(topic) ?? NO_ANSWER;
    cells.push(toCell({ from, to, attempt: `read topic ${word}` }, expected("read"), existing(read)));
    cells.push(toCell({ from, to, attempt: `write topic ${word}` }, expected("write"), existing(write)));
  }
  if (user.kind === "access" && user.prefixes.groups !== "")
    cells.push(
      toCell(
        { from, to: refText(user.ref), attempt: "use its groups" },
        "allowed",
        await tryGroup(link, `${user.prefixes.groups}${NOBODYS}`),
      ),
    );
  if (user.kind === "topics") {
    const altered = await tryAlter(link, topics);
    if (topics.length > 0)
      cells.push(
        toCell({ from, to, attempt: "change topics' settings" }, "refused", combine("refused", [...altered.values()])),
      );
  }
  cells.push(toCell({ from, to: "server", attempt: "change access rules" }, "refused", await tryAcls(link, user.user)));
  return cells;
}

const NO_ANSWER: Outcome = { actual: "error", detail: "no answer for it" };

/** A topic that is not there proves no right. */
function existing(outcome: Outcome): Outcome {
  return outcome.detail.endsWith("error 3") ? { actual: "error", detail: "the topic does not exist" } : outcome;
}

async function tryPrefixes(link: Link, other: DesiredUser, from: string, to: string): Promise<Cell[]> {
  const { groups, transactionalIds } = other.prefixes;
  return [
    ...(groups === ""
      ? []
      : [toCell({ from, to, attempt: "use groups" }, "refused", await tryGroup(link, `${groups}${NOBODYS}`))]),
    ...(transactionalIds === ""
      ? []
      : [
          toCell(
            { from, to, attempt: "use transactional ids" },
            "refused",
            await tryTransactionalId(link, `${transactionalIds}${NOBODYS}`),
          ),
        ]),
  ];
}

function topicNames(owner: DesiredUser): string[] {
  return owner.topics.map((topic) => topic.name);
}

function isSameInstance(one: DesiredUser, other: DesiredUser): boolean {
  return one.ref.sandbox === other.ref.sandbox && one.ref.instance === other.ref.instance;
}
