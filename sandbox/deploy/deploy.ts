import type { AssemblyStack, Template } from './assembly';
import { NO_VALUE, type References, resolve } from './intrinsics';
import { type Deployed, type DeploymentTarget, type Properties, RESOURCE_TYPES } from './resource-types';

/** Deploys the stacks of an assembly, in order, as CloudFormation would: each resource after those it refers to. */
export async function deploy(stacks: readonly AssemblyStack[], target: DeploymentTarget): Promise<StackOutputs> {
  const exported = new Map<string, unknown>();
  const outputs: Record<string, Readonly<Record<string, string>>> = {};
  for (const stack of stacks) outputs[stack.name] = await new Deployment(stack, target, exported).run();
  return outputs;
}

/** Outputs by stack name and output name. */
export type StackOutputs = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** One stack on its way. */
class Deployment implements References {
  readonly #deployed = new Map<string, Promise<Deployed>>();
  readonly #template: Template;

  constructor(
    private readonly stack: AssemblyStack,
    private readonly target: DeploymentTarget,
    private readonly exported: Map<string, unknown>,
  ) {
    this.#template = stack.template;
  }

  async run(): Promise<Readonly<Record<string, string>>> {
    for (const logicalId of Object.keys(this.#template.Resources)) await this.#ensure(logicalId);
    const outputs: Record<string, string> = {};
    for (const [name, { Value, Export }] of Object.entries(this.#template.Outputs ?? {})) {
      const value = await resolve(Value, this);
      outputs[name] = String(value);
      if (Export !== undefined) this.exported.set(String(await resolve(Export.Name, this)), value);
    }
    this.target.services.cloudformation.registerStack({ name: this.stack.name, outputs });
    return outputs;
  }

  async ref(logicalId: string): Promise<unknown> {
    const { region, accountId } = this.target.estate;
    const pseudo: Record<string, string> = {
      'AWS::AccountId': accountId,
      'AWS::Region': region,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': this.stack.name,
      'AWS::StackId': `arn:aws:cloudformation:${region}:${accountId}:stack/${this.stack.name}/sandbox`,
    };
    if (logicalId in pseudo) return pseudo[logicalId];
    const parameter = this.#template.Parameters?.[logicalId];
    if (parameter !== undefined) return parameter.Default;
    return (await this.#ensure(logicalId)).ref;
  }

  async getAtt(logicalId: string, attribute: string): Promise<unknown> {
    const value = (await this.#ensure(logicalId)).attributes[attribute];
    if (value === undefined) {
      throw new Error(
        `${this.stack.name}: the sandbox does not know attribute ${attribute} of ${this.#template.Resources[logicalId]?.Type}`,
      );
    }
    return value;
  }

  importValue(name: string): unknown {
    if (!this.exported.has(name)) throw new Error(`${this.stack.name}: nothing exports ${name}`);
    return this.exported.get(name);
  }

  findInMap(map: string, first: string, second: string): unknown {
    return this.#template.Mappings?.[map]?.[first]?.[second];
  }

  async condition(name: string): Promise<boolean> {
    return (await resolve(this.#template.Conditions?.[name], this)) === true;
  }

  #ensure(logicalId: string): Promise<Deployed> {
    const known = this.#deployed.get(logicalId);
    if (known !== undefined) return known;
    const deployed = this.#deploy(logicalId);
    this.#deployed.set(logicalId, deployed);
    return deployed;
  }

  async #deploy(logicalId: string): Promise<Deployed> {
    const resource = this.#template.Resources[logicalId];
    if (resource === undefined) throw new Error(`${this.stack.name}: there is no resource ${logicalId}`);
    const type = RESOURCE_TYPES[resource.Type];
    if (type === undefined)
      throw new Error(`${this.stack.name}: the sandbox does not deploy ${resource.Type} (${logicalId})`);
    const properties = await resolve(resource.Properties ?? {}, this);
    return await type(properties === NO_VALUE ? {} : (properties as Properties), this.target, {
      generatedName: `${this.stack.name}-${logicalId}`,
      assets: this.stack.assets,
    });
  }
}
