/** Returns a configuration with every common setting. All of them except the store are commented out. */
export function configTemplate(storeUrl: string): string {
  return `# bucketstreams: read by the command line, by the local mode and by the deployment alike.
# What is commented out shows the defaults. Unknown keys are errors.

[store]
# Where the images are: file:DIRECTORY or s3://BUCKET?region=REGION&endpoint=https://HOST:PORT
master = ${JSON.stringify(storeUrl)}
# "default" (the SDK's own chain), "profile:NAME" or "env:PREFIX"; never in a URL.
# credentials = "default"

[publish]
# For which clients images are listed.
# clients = ["lxd", "incus"]

[serve]
# host = "127.0.0.1"
# port = 8443
# Further names and addresses that the certificate is to cover.
# names = []
# Plain HTTP, for behind a proxy that does TLS.
# http = false
# Seconds between two scans of the whole store.
# scan_every = 300
# Seconds for which a file in a directory must stay unchanged before it counts as whole.
# settle = 1

[retention]
# Seconds between the end of a removed version's names and the deletion of its bytes.
# grace = 7200

[log]
# format = "text"
`;
}
