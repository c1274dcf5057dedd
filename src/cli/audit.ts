import { closeSync, openSync, writeSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import type { EventMembers } from '../oauth/event-messages.js';
import type { EventName } from '../oauth/events.js';
import { CommandFailed } from './io.js';

/** Writes down what a command has changed: an event, and what its line has (src/oauth/events.ts). */
export type Audit = (event: EventName, what: EventMembers) => void;

/** The audit file, as long as one command runs. */
export type AuditTrail = {
  /**
   * Opens the file, if the command may change something.
   *
   * @param path where it is; undefined for no file
   * @throws CommandFailed when it cannot be opened: then nothing was done
   */
  begin(command: Command, path: () => string | undefined): void;
  readonly audit: Audit;
  /** @throws CommandFailed when something was done and could not be written down */
  end(): void;
};

/** Every other command may change something, and is asked to write that down: a new one as well. */
const ONLY_LOOK: ReadonlySet<string> = new Set([
  ...['serve', 'migrate', 'doctor', 'keys list', 'keys export', 'sessions list'],
  ...['users list', 'users show', 'clients list', 'clients show'],
]);

/** An audit trail that is not open yet. */
export function auditTrail(): AuditTrail {
  let open: { readonly path: string; readonly file: number; readonly command: string } | null = null;
  let fault: unknown = null;
  return {
    begin(action, pathOf) {
      const command = nameOf(action);
      const path = ONLY_LOOK.has(command) ? undefined : pathOf();
      if (path === undefined) return;
      try {
        open = { path, command, file: openSync(path, 'a', 0o600) };
      } catch (error) {
        throw new CommandFailed(
          `nothing was done: AUDIT_FILE names ${path}, which cannot be opened (${codeOf(error)})`,
        );
      }
    },
    audit(event, what) {
      if (open === null) return;
      const by = { command: open.command, os_user: osUser() };
      const line = Buffer.from(`${JSON.stringify({ time: new Date().toISOString(), event, by, ...what })}\n`);
      try {
        // One write, so that lines of commands that run at the same time do not mix.
        if (writeSync(open.file, line) < line.length) throw new Error('the disk is full');
      } catch (error) {
        // What was done is shown first: a password or secret is shown but once.
        fault = error;
      }
    },
    end() {
      if (open === null) return;
      closeSync(open.file);
      const { path } = open;
      open = null;
      if (fault === null) return;
      throw new CommandFailed(`it was done, but could not be written down in AUDIT_FILE ${path} (${codeOf(fault)})`);
    },
  };
}

/** As it is typed: `users add`. */
function nameOf(command: Command): string {
  const { parent } = command;
  return parent?.parent == null ? command.name() : `${parent.name()} ${command.name()}`;
}

/** A container may run as a user that has no name. */
function osUser(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error ? String(error.code) : error.message;
}
