import type { ServerResponse } from 'node:http';

/** An error response. lxc and incus show `message` unchanged. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** An operation in the form that clients read (LXD's and Incus's `api.Operation`). */
export interface OperationDocument {
  readonly id: string;
  readonly class: 'task' | 'token';
  readonly description: string;
  readonly created_at: string;
  readonly updated_at: string;
  readonly status: string;
  readonly status_code: number;
  readonly resources: null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly may_cancel: boolean;
  readonly err: string;
  readonly location: string;
}

/** The result of a call: a value, or an operation (see `Operations`). */
export type ApiResponse =
  | { readonly kind: 'sync'; readonly metadata: unknown; readonly location?: string }
  | { readonly kind: 'operation'; readonly operation: OperationDocument };

export function sync(metadata: unknown, location?: string): ApiResponse {
  return { kind: 'sync', metadata, ...(location !== undefined && { location }) };
}

export function operation(document: OperationDocument): ApiResponse {
  return { kind: 'operation', operation: document };
}

export function send(response: ServerResponse, answer: ApiResponse): void {
  if (answer.kind === 'operation') sendOperation(response, answer.operation);
  else sendResult(response, answer.metadata, answer.location);
}

function sendResult(response: ServerResponse, metadata: unknown, location?: string): void {
  if (location !== undefined) response.setHeader('Location', location);
  sendDocument(response, 200, {
    type: 'sync',
    status: 'Success',
    status_code: 200,
    operation: '',
    error_code: 0,
    error: '',
    metadata,
  });
}

function sendOperation(response: ServerResponse, document: OperationDocument): void {
  const location = `/1.0/operations/${document.id}`;
  response.setHeader('Location', location);
  sendDocument(response, 202, {
    type: 'async',
    status: 'Operation created',
    status_code: 100,
    operation: location,
    error_code: 0,
    error: '',
    metadata: document,
  });
}

export function sendError(response: ServerResponse, status: number, message: string): void {
  sendDocument(response, status, {
    type: 'error',
    status: '',
    status_code: 0,
    operation: '',
    error_code: status,
    error: message,
    metadata: null,
  });
}

function sendDocument(response: ServerResponse, status: number, document: object): void {
  const body = Buffer.from(`${JSON.stringify(document)}\n`);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-store',
  });
  response.end(body);
}
