import type { InstanceRef } from "../model/environment.ts";
import type { Sharing } from "../model/service.ts";

/** Scope of the server that an instance's claims are placed on: `""`, `dev` or `dev/registry`. */
export function scopeOf(sharing: Sharing, { sandbox, instance }: InstanceRef): string {
  switch (sharing) {
    case "environment":
      return "";
    case "sandbox":
      return sandbox;
    case "instance":
      return `${sandbox}/${instance}`;
  }
}
