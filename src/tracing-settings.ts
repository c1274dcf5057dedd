/** The variables of OpenTelemetry (its own names, its own meanings) that say whether there are traces, and where they go. */
type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const PROTOCOLS = ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL'] as const;

/** OpenTelemetry's specification, "SDK environment variables": what it has for each, and what it falls back from in silence. */
const CHECKS: Readonly<Record<string, readonly [is: RegExp, must: string]>> = {
  OTEL_TRACES_SAMPLER: [
    /^(parentbased_)?(always_on|always_off|traceidratio)$/,
    'be always_on, always_off or traceidratio, or one of them after parentbased_',
  ],
  OTEL_TRACES_SAMPLER_ARG: [/^(0(\.\d+)?|1(\.0+)?)$/, 'be a number from 0 to 1'],
  OTEL_BSP_MAX_QUEUE_SIZE: [/^[1-9]\d*$/, 'be a whole number from 1'],
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: [/^[1-9]\d*$/, 'be a whole number from 1'],
  OTEL_BSP_SCHEDULE_DELAY: [/^\d+$/, 'be a number of milliseconds'],
  OTEL_BSP_EXPORT_TIMEOUT: [/^[1-9]\d*$/, 'be a number of milliseconds'],
};

/**
 * Whether requests are traced: an endpoint or the exporter is named, and nothing switches it off.
 *
 * @param faults gets a sentence for each thing that is asked for and that mintd does not do
 */
export function wantsTraces(environment: Environment, faults: string[]): boolean {
  const exporter = environment['OTEL_TRACES_EXPORTER'] ?? '';
  const isOff = environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || exporter === 'none';
  const endpoints = ENDPOINTS.filter((name) => isSet(environment, name));
  if (isOff || (exporter === '' && endpoints.length === 0)) return false;
  if (exporter !== '' && exporter !== 'otlp') faults.push('OTEL_TRACES_EXPORTER must be otlp or none');
  for (const name of endpoints) {
    if (!/^https?:\/\/[^/]/.test(environment[name] ?? '')) faults.push(`${name} must be an http or https URL`);
  }
  const protocol = PROTOCOLS.find((name) => isSet(environment, name));
  if (protocol !== undefined && environment[protocol] !== 'http/protobuf') {
    faults.push(`${protocol} must be http/protobuf: mintd speaks no other`);
  }
  for (const [name, [is, must]] of Object.entries(CHECKS)) {
    if (isSet(environment, name) && !is.test(environment[name] ?? '')) faults.push(`${name} must ${must}`);
  }
  return true;
}

function isSet(environment: Environment, name: string): boolean {
  return (environment[name] ?? '') !== '';
}
